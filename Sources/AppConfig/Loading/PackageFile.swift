import Foundation
import Model

/// What package.json says about an app.
struct PackageFile: Decodable {
    var scripts: [String: String]?
    var dependencies: [String: String]?

    /// An unreadable or malformed file suggests nothing; npm will have more to say about it than we could.
    static func read(_ path: String) -> PackageFile? {
        let place = ConfigPlace(source: .releaseFile(path))
        guard let file = try? ConfigFile.read(place, path: path) else { return nil }
        return try? JSONDecoder().decode(PackageFile.self, from: Data(file.text.utf8))
    }
}

/// Where known frameworks put files whose names change with their content. Only what is so in every app of theirs: a
/// directory that is not there costs nothing, one that is wrong would hide the app's own answers.
enum FrameworkFiles {
    static let known = ["/_next/static": ".next/static"]

    /// The build may come after this look, so it is the dependency that counts and not the directory.
    static func staticPaths(in directory: String) -> [String: String] {
        let package = PackageFile.read(FilePath.join(directory, "package.json"))
        return package?.dependencies?["next"] != nil ? known : [:]
    }
}
