/// What the page is made with, from `templates/dashboard`.
package struct DashboardFiles: Sendable {
    /// `{{title}}` and `{{content}}` are put in.
    package var page: String
    package var style: String
    package var script: String
    package init(page: String, style: String, script: String) {
        self.page = page
        self.style = style
        self.script = script
    }

    func page(_ title: String, _ content: HTML) -> String {
        // What is put in is not looked at again.
        let parts = page.split(separator: "{{content}}", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return content.text }
        return parts[0].replacing("{{title}}", with: HTML.escape(title)) + content.text + parts[1]
    }
}
