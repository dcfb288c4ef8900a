import Testing

@testable import Linux

@Suite("The place in the cgroup hierarchy")
struct ControlGroupPlaceTests {
    private let unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:4 - cgroup2 cgroup2 rw,nsdelegate"

    private func find(_ mounts: String, _ membership: String) -> ControlGroupPlace? {
        ControlGroupPlace.find(mounts: mounts, membership: membership)
    }

    @Test("a group is below the mount, or the mount itself")
    func unifiedHierarchy() {
        #expect(
            find(unified, "0::/system.slice/a.service\n")
                == ControlGroupPlace(path: "/sys/fs/cgroup/system.slice/a.service", isTop: false, isReadOnly: false))
        #expect(find(unified, "0::/\n") == ControlGroupPlace(path: "/sys/fs/cgroup", isTop: true, isReadOnly: false))
    }

    @Test("beside version 1 the version 2 hierarchy counts")
    func hybrid() {
        let mounts = """
            32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
            41 31 0:38 / /sys/fs/cgroup/unified ro,relatime - cgroup2 cgroup2 rw
            """
        #expect(
            find(mounts, "4:memory:/x\n1:cpu:/y\n0::/z\n")
                == ControlGroupPlace(path: "/sys/fs/cgroup/unified/z", isTop: false, isReadOnly: true))
        #expect(find(mounts, "4:memory:/x\n") == nil)
        #expect(find("32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu", "0::/z") == nil)
    }

    @Test("a part of the hierarchy that is mounted elsewhere")
    func bound() {
        let mounts = "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw"
        #expect(find(mounts, "0::/docker/abc")?.path == "/sys/fs/cgroup")
        #expect(find(mounts, "0::/docker/abc")?.isTop == true)
        #expect(find(mounts, "0::/docker/abc/d")?.path == "/sys/fs/cgroup/d")
        #expect(find(mounts, "0::/docker/abcd") == nil)
        #expect(find(mounts, "0::/../../x") == nil)
    }

    @Test("lines that are none of proc(5)'s are passed over")
    func garbage() {
        for mounts in ["", "x", "- cgroup2", "1 2 3 4 5 6 -", unified.replacing("/sys/fs/cgroup", with: "/a\\040b")] {
            #expect(find(mounts, "0::/") == nil)
        }
    }
}
