import Glibc
import Model

/// What a person can do about a launch that failed before the program ran.
enum LaunchHint {
    static func hint(for failure: LaunchFailure, settings: AppSettings) -> String? {
        switch (failure.step, failure.errno) {
        case ("exec", ENOENT):
            "Install the interpreter, or name it with `ruby`, `python` or `nodejs` in the Passengerfile."
        case ("exec", EACCES), ("chdir", EACCES):
            "The user \(settings.users.user ?? "of the server") may not reach \(failure.subject); check the permissions "
                + "of every directory on the way."
        case ("chdir", _): "The app's directory is gone or unreadable."
        // The kernel lets the user switch pass and refuses the exec after it (execve(2)).
        case ("exec", EAGAIN), ("setuid", EAGAIN): "The user's process limit (ulimit -u) is reached."
        default: nil
        }
    }
}
