package import Model

/// What the control group of a generation is called; everything that the app starts for it is in there.
package enum ControlGroupName {
    package static func of(_ app: AppName, _ generation: GenerationNumber) -> String {
        "app-\(app)-g\(generation.rawValue)"
    }
}
