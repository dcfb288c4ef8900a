/// A value as it was written, before any key has given it a type. All scalars are text: whether `3000` is a number or a
/// name is for the key to say, so files, variables and flags follow the same rules.
package struct ConfigNode: Sendable, Codable, Equatable {
    package indirect enum Content: Sendable, Codable, Equatable {
        case null
        case scalar(String)
        case list([ConfigNode])
        case map([Member])
    }

    package struct Member: Sendable, Codable, Equatable {
        package var name: String
        package var place: ConfigPlace
        package var value: ConfigNode
    }

    package var content: Content
    package var place: ConfigPlace

    package init(_ content: Content, at place: ConfigPlace) {
        self.content = content
        self.place = place
    }

    /// The kind of thing that was written, for error messages.
    var nounPhrase: String {
        switch content {
        case .null: "nothing"
        case .scalar(let text): "'\(text.shortened(to: 60))'"
        case .list: "a list"
        case .map: "a mapping"
        }
    }
}

/// What one source says: known keys with the values that were written there.
package struct ConfigLayer: Sendable, Codable, Equatable {
    package struct Entry: Sendable, Codable, Equatable {
        /// Dotted name of a key of `KeyTable`.
        package var key: String
        package var place: ConfigPlace
        package var value: ConfigNode
    }

    package var source: ConfigSource
    /// Relative paths in the values are meant from here. Absolute.
    package var baseDirectory: String
    package var entries: [Entry]

    package init(source: ConfigSource, baseDirectory: String, entries: [Entry] = []) {
        self.source = source
        self.baseDirectory = baseDirectory
        self.entries = entries
    }
}

extension String {
    /// The first `count` characters, with an ellipsis when something was left out.
    func shortened(to count: Int) -> String {
        self.count <= count ? self : prefix(count) + "…"
    }
}
