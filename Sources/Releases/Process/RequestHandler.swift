import Linux

/// What each request means.
struct RequestHandler {
    var events: EventWriter
    var cancellation: Cancellation

    func answer(_ request: BuilderRequest) throws(BuilderFailure) -> BuilderResult {
        try cancellation.check()
        let store = ReleaseStore(events: events)
        switch request {
        case .prepareRoot(let path):
            _ = try DeployRoot.prepare(path)
            return .done
        case .fetch(let path, let url, let reference):
            return .commit(try fetch(path, from: url, reference: reference))
        case .resolve(let path, let reference):
            return .commit(try resolve(reference, DeployRoot.open(path)))
        case .isAncestor(let path, let commit, let descendant):
            let mirror = try Repository.open(DeployRoot.open(path).mirrorPath)
            return .truth(mirror.isAncestor(commit, of: descendant))
        case .checkout(let path, let number, let commit, let options):
            let checkout = ReleaseCheckout(events: events, cancellation: cancellation)
            return .checkedOut(
                try checkout.run(
                    root: DeployRoot.open(path), number: number, commit: commit, options: options ?? CheckoutOptions()))
        case .link(let path, let release, let shared, let writer):
            let root = try DeployRoot.open(path)
            let links = try SharedLinker(events: events).link(root, release: release, shared: shared)
            if let writer {
                try WriterAccess(events: events, writer: writer).grant(root, release: release, shared: shared)
            }
            return .linked(links)
        case .seal(let path, let release):
            try DeployRoot.open(path).release(release).flushFileSystem()
            return .done
        case .removeRelease(let path, let release):
            try store.remove(DeployRoot.open(path), release)
            return .removed([release])
        case .moveCurrent(let path, let release):
            try store.moveCurrent(DeployRoot.open(path), to: release)
            return .done
        case .listReleases(let path): return .releases(try store.list(DeployRoot.open(path)))
        case .readCurrent(let path): return .current(try store.current(DeployRoot.open(path)))
        case .readCapistrano(let path): return .capistrano(try CapistranoRoot.read(path))
        case .readCapistranoRepository(let path): return .repository(try CapistranoMirror.repository(path))
        case .findSharedLinks(let path, let release):
            return .sharedLinks(try SharedLinkFinder(DeployRoot.open(path).directory).find(in: release))
        case .prune(let path, let keep): return .removed(try store.prune(DeployRoot.open(path), keep: keep))
        case .cleanTemporary(let path):
            try store.cleanTemporary(DeployRoot.open(path))
            return .done
        case .readEnvironment(let path, let version):
            return .environment(try EnvironmentStore().read(DeployRoot.open(path), version: version))
        case .writeEnvironment(let path, let text, let replacing, let keep):
            let root = try DeployRoot.open(path)
            return .environment(try EnvironmentStore().write(root, text: text, replacing: replacing, keep: keep))
        case .takeBackEnvironment(let path, let version):
            return .environment(try EnvironmentStore().takeBack(DeployRoot.open(path), version: version))
        case .cancel: return .done
        }
    }

    private func fetch(_ path: String, from url: String, reference: String?) throws(BuilderFailure) -> CommitInfo {
        let url = try RemoteURL(url)
        let root = try DeployRoot.open(path)
        MirrorCleaner(events: events).clean(root)
        try lookingAgain { () throws(BuilderFailure) in
            try Fetch(url: url, events: events, cancellation: cancellation).run(into: Repository.open(root.mirrorPath))
        }
        MirrorPacks(events: events, cancellation: cancellation).repackWhenMany(root)
        return try resolve(reference, root)
    }

    private func resolve(_ reference: String?, _ root: borrowing DeployRoot) throws(BuilderFailure) -> CommitInfo {
        try lookingAgain { () throws(BuilderFailure) in
            try ReferenceResolver().resolve(reference, in: Repository.open(root.mirrorPath))
        }
    }

    /// libgit2 takes a file that it cannot open for one that is not there. What is not there is looked for once more; it is for want
    /// of a descriptor when there is none to be had now.
    private func lookingAgain<Result>(
        _ body: () throws(BuilderFailure) -> Result
    ) throws(BuilderFailure) -> Result {
        do throws(BuilderFailure) {
            return try body()
        } catch  where error.code.saysThatSomethingIsMissing {
            do throws(SystemError) {
                _ = try openPath("/dev/null")
            } catch {
                throw .system(error.errno, "open the mirror's files")
            }
            try cancellation.check()
            return try body()
        }
    }
}

extension BuilderFailure.Code {
    fileprivate var saysThatSomethingIsMissing: Bool {
        switch self {
        case .emptyRepository, .unknownRef, .damagedRepository, .git: true
        default: false
        }
    }
}
