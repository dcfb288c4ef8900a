import Glibc

/// Names of the signals that a worker may be stopped with, without SIG.
enum StopSignal {
    static func name(_ number: Int32) -> String? {
        switch number {
        case SIGTERM: "TERM"
        case SIGINT: "INT"
        case SIGQUIT: "QUIT"
        case SIGHUP: "HUP"
        case SIGUSR1: "USR1"
        case SIGUSR2: "USR2"
        case SIGWINCH: "WINCH"
        default: nil
        }
    }
}
