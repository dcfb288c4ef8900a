import Glibc
package import Linux

extension DeployFailure {
    /// A call that the kernel refused. `what` is a sentence without its reason.
    package init(_ error: SystemError, _ what: String) {
        let summary = "\(what): \(error)"
        switch error.errno {
        case ENOSPC, EDQUOT:
            self.init(.diskFull, summary, hint: "free some space or inodes (df -h, df -i), then deploy again")
        case EMFILE, ENFILE: self.init(.internalError, summary, hint: DeployFailure.openFilesHint)
        default: self.init(.internalError, summary)
        }
    }

    private static let openFilesHint =
        "raise the limit on open files (LimitNOFILE= of the service, ulimit -n, fs.file-max), then deploy again"
}
