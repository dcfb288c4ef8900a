import Glibc

/// The interpreter version that an app's directory asks for, and where a version manager has put it. Their shims are not used:
/// those decide anew at each start, by the working directory and the environment of the moment.
struct VersionFiles {
    enum Language: CaseIterable { case ruby, python, nodejs }

    struct Wanted: Equatable {
        /// `.ruby-version`
        var file: String
        /// `3.2.2`, or the beginning of a version.
        var version: String
        /// Nil when it is not installed.
        var program: String?
    }

    /// The app's own directory.
    var directory: String
    /// Of the app's user; nil leaves out what is installed there.
    var home: String?
    /// Stands before the places that are everybody's.
    var root = ""

    /// Nil when the app asks for none, or in words that only a version manager understands (`lts/*`).
    func wanted(_ language: Language) -> Wanted? {
        for file in language.files {
            if let version = text(file).flatMap({ firstWord(of: $0) }) {
                return wanted(version, in: file, language)
            }
        }
        guard let lines = text(".tool-versions")?.split(separator: "\n") else { return nil }
        for line in lines {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" })
            guard words.count > 1, language.toolNames.contains(String(words[0])) else { continue }
            return wanted(String(words[1]), in: ".tool-versions", language)
        }
        return nil
    }

    private func wanted(_ text: String, in file: String, _ language: Language) -> Wanted? {
        var version = text
        for prefix in language.prefixes where version.hasPrefix(prefix) { version.removeFirst(prefix.count) }
        // It becomes part of a path, and of a warning.
        let isPlain = version.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || [0x2D, 0x2E, 0x5F].contains(byte)
        }
        guard isPlain, version.utf8.count <= 40, version.utf8.first != 0x2E, version != "system",
            version.utf8.contains(where: { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return Wanted(file: file, version: version, program: find(version, language))
    }

    /// The version itself, or the newest that begins with it: `20` is `v20.11.1`.
    private func find(_ version: String, _ language: Language) -> String? {
        let places = language.places(home: home, root: root)
        for place in places {
            let path = "\(place.directory)/\(place.prefix)\(version)/\(place.program)"
            if FilePath.isExecutableFile(path) { return path }
        }
        for place in places {
            let beginning = "\(place.prefix)\(version)."
            let newest = names(in: place.directory).filter {
                $0.hasPrefix(beginning) && FilePath.isExecutableFile("\(place.directory)/\($0)/\(place.program)")
            }.max { numbers($0).lexicographicallyPrecedes(numbers($1)) }
            if let newest { return "\(place.directory)/\(newest)/\(place.program)" }
        }
        return nil
    }

    private func numbers(_ name: String) -> [Int] {
        name.split(whereSeparator: { !$0.isNumber }).map { Int($0) ?? .max }
    }

    private func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                    tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return names
    }

    private func text(_ name: String) -> String? {
        let path = FilePath.join(directory, name)
        // What cannot be read asks for nothing: the app has other ways to say what it needs.
        return try? ConfigFile.read(ConfigPlace(source: .releaseFile(path)), path: path)?.text
    }

    private func firstWord(of text: String) -> String? {
        for line in text.split(separator: "\n") {
            let word = line.prefix { $0 != "#" }.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" }).first
            if let word { return String(word) }
        }
        return nil
    }
}

extension VersionFiles.Language {
    struct Place {
        /// Of one version each, named `prefix` and the version.
        var directory: String
        var prefix = ""
        var program: String
    }

    var files: [String] {
        switch self {
        case .ruby: [".ruby-version"]
        case .python: [".python-version"]
        case .nodejs: [".nvmrc", ".node-version"]
        }
    }

    var toolNames: [String] {
        switch self {
        case .ruby: ["ruby"]
        case .python: ["python"]
        case .nodejs: ["nodejs", "node"]
        }
    }

    var prefixes: [String] {
        switch self {
        case .ruby: ["ruby-"]
        case .python: []
        case .nodejs: ["v"]
        }
    }

    func places(home: String?, root: String) -> [Place] {
        let own = home.map { home in
            switch self {
            case .ruby:
                [
                    Place(directory: "\(home)/.rbenv/versions", program: "bin/ruby"),
                    Place(directory: "\(home)/.rvm/rubies", prefix: "ruby-", program: "bin/ruby"),
                    Place(directory: "\(home)/.rubies", prefix: "ruby-", program: "bin/ruby"),
                    Place(directory: "\(home)/.asdf/installs/ruby", program: "bin/ruby"),
                    Place(directory: "\(home)/.local/share/mise/installs/ruby", program: "bin/ruby"),
                ]
            case .python:
                [
                    Place(directory: "\(home)/.pyenv/versions", program: "bin/python"),
                    Place(directory: "\(home)/.asdf/installs/python", program: "bin/python"),
                    Place(directory: "\(home)/.local/share/mise/installs/python", program: "bin/python"),
                ]
            case .nodejs:
                [
                    Place(directory: "\(home)/.nvm/versions/node", prefix: "v", program: "bin/node"),
                    Place(directory: "\(home)/.nodenv/versions", program: "bin/node"),
                    Place(
                        directory: "\(home)/.local/share/fnm/node-versions", prefix: "v",
                        program: "installation/bin/node"),
                    Place(directory: "\(home)/.asdf/installs/nodejs", program: "bin/node"),
                    Place(directory: "\(home)/.local/share/mise/installs/node", program: "bin/node"),
                ]
            }
        }
        let everybodys =
            switch self {
            case .ruby:
                [
                    Place(directory: "\(root)/usr/local/rbenv/versions", program: "bin/ruby"),
                    Place(directory: "\(root)/usr/local/rvm/rubies", prefix: "ruby-", program: "bin/ruby"),
                    Place(directory: "\(root)/opt/rubies", prefix: "ruby-", program: "bin/ruby"),
                ]
            case .python: [Place(directory: "\(root)/usr/local/pyenv/versions", program: "bin/python")]
            case .nodejs: [Place(directory: "\(root)/usr/local/nvm/versions/node", prefix: "v", program: "bin/node")]
            }
        return (own ?? []) + everybodys
    }
}
