import Testing

@Suite("The built program")
struct SmokeTests {}
