import AdminAPI
import Model

// What passes the gate. What is not here does not.

extension StatusCommand: GatedCommand {
    static var neededRole: AppRole { .view }
    mutating func wasConfined() { alone = true }
}

extension MetricsCommand: GatedCommand {
    static var neededRole: AppRole { .view }
}

extension TopCommand: GatedCommand {
    static var neededRole: AppRole { .view }
}

extension MemoryStatsCommand: GatedCommand {
    static var neededRole: AppRole { .view }
    mutating func wasConfined() { alone = true }
}

extension LogsCommand: GatedCommand {
    static var neededRole: AppRole { .view }
    var target: TargetOptions {
        get { named.options }
        set { named.options = newValue }
    }
}

extension ReleasesCommand: GatedCommand {
    static var neededRole: AppRole { .view }
}

extension DeploysCommand.List: GatedCommand {
    static var neededRole: AppRole { .view }
}

extension DeploysCommand.Show: GatedCommand {
    static var neededRole: AppRole { .view }
}

extension DeploysCommand.Attach: GatedCommand {
    static var neededRole: AppRole { .view }
}

extension DeploysCommand.Resume: GatedCommand {
    static var neededRole: AppRole { .deploy }
}

extension DeploysCommand.Approve: GatedCommand {
    static var neededRole: AppRole { .deploy }
}

extension DeploysCommand.Abort: GatedCommand {
    static var neededRole: AppRole { .deploy }
}

extension RollbackCommand: GatedCommand {
    static var neededRole: AppRole { .deploy }
}

extension LockCommand: GatedCommand {
    static var neededRole: AppRole { .deploy }
}

extension UnlockCommand: GatedCommand {
    static var neededRole: AppRole { .deploy }
}

extension EnvCommand.List: GatedCommand {
    static var neededRole: AppRole { .shell }
}

extension EnvCommand.Set: GatedCommand {
    static var neededRole: AppRole { .shell }
}

extension EnvCommand.Unset: GatedCommand {
    static var neededRole: AppRole { .shell }
}

extension DeployCommand: GatedCommand {
    static var neededRole: AppRole { .deploy }

    /// A repository is a program of its owner's: the configured one, and no other. A host would be reached with the rights
    /// that this one has there.
    func checkOptions(for gate: SSHGate) throws(ControlError) {
        guard repo == nil else {
            throw gate.refused("This key deploys from the configured repository: leave out --repo.")
        }
        guard archive?.isInput ?? true else {
            throw gate.refused("This key deploys no file of this host: send it, with --archive -.")
        }
        guard host == nil else { throw gate.refused("This key deploys here: leave out --host.") }
    }
}

extension RestartCommand: GatedCommand {
    static var neededRole: AppRole { .deploy }
    var target: TargetOptions {
        get { named.options }
        set { named.options = newValue }
    }
}

extension PauseCommand: GatedCommand {
    static var neededRole: AppRole { .operate }
    var target: TargetOptions {
        get { named.options }
        set { named.options = newValue }
    }
}

extension ResumeCommand: GatedCommand {
    static var neededRole: AppRole { .operate }
    var target: TargetOptions {
        get { named.options }
        set { named.options = newValue }
    }
}
