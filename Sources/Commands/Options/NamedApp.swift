import ArgumentParser

/// An app named by an argument, or by the options of every command.
struct NamedApp: ParsableArguments {
    @Argument(help: "The app's name (default: the app of the working directory).")
    var name: String?

    @OptionGroup var target: TargetOptions

    func validate() throws {
        if name != nil && (target.app != nil || target.root != nil) {
            throw ValidationError("The app is named twice.")
        }
    }

    var options: TargetOptions {
        get {
            var options = target
            options.app = name ?? target.app
            return options
        }
        set {
            name = nil
            target = newValue
        }
    }
}
