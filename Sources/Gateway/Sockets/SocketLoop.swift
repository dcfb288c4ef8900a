internal import CLinux
internal import Glibc
package import Linux
package import NIOCore
import Synchronization

/// One thread around one epoll(7): sockets, tasks, timers. Everything that belongs to it is used on that thread only, so
/// the data path takes no lock.
///
/// It is an `EventLoop` of NIO's too (`+EventLoop`), so that futures, TLS and HTTP/2 handlers run on it. Plain connections
/// do not go through channels: those cost about 4 µs of CPU a request, which is more than all that the gateway itself does.
///
/// `@unchecked Sendable`: what other threads may touch is `inbox`, `threadID` and `wake`, each safe by itself; the rest is
/// touched on the loop's own thread, which `inEventLoop` tells and `StreamSocket` asserts.
package final class SocketLoop: @unchecked Sendable {
    /// What happens to a descriptor that the loop watches.
    package protocol Watched: AnyObject {
        /// `events` are those of epoll_ctl(2).
        func ready(_ events: UInt32)
        /// Goes on with reading that was interrupted for the sake of the others.
        func continueReading()
        /// The loop ends: let go of the descriptor.
        func loopEnds()
    }

    private struct Inbox {
        var tasks: [@Sendable () -> Void] = []
        var isSignalled = false
        var hasEnded = false
    }

    private struct Slot {
        var watched: (any Watched)?
        /// Told apart from whoever had the slot before: events of one epoll_wait may come after a close.
        var turn: UInt32 = 0
    }

    private static let wakeToken = UInt64.max
    private static let batch = 64

    package let index: Int
    private let epoll: Int32
    private let wake: Int32
    private let inbox = Mutex(Inbox())
    private let threadID = Atomic<UInt>(0)

    private var slots: ContiguousArray<Slot> = []
    private var freeSlots: ContiguousArray<Int> = []
    private var localTasks: ContiguousArray<() -> Void> = []
    private var unread: ContiguousArray<any Watched> = []
    var timers = LoopTimers()
    /// Of the last wake-up: what happens in one turn happens at one time.
    package private(set) var time = NIODeadline.now()
    /// What sockets read into. One for all: whoever wants to keep bytes copies them.
    let readMemory = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 64)
    private var isStopping = false
    private var whenStopped: (@Sendable () -> Void)?

    package init(index: Int) throws(SystemError) {
        self.index = index
        epoll = try checkedDescriptor("epoll_create1") { cl_epoll_create() }
        wake = try checkedDescriptor("eventfd") { cl_event_descriptor() }
        guard cl_epoll_add(epoll, wake, UInt32(CL_EPOLL_IN), Self.wakeToken) == 0 else {
            throw SystemError(call: "epoll_ctl")
        }
    }

    deinit {
        readMemory.deallocate()
        Glibc.close(epoll)
        Glibc.close(wake)
    }

    package func start() {
        startThread(name: "loop \(index)") { self.run() }
    }

    package var inEventLoop: Bool { threadID.load(ordering: .relaxed) == UInt(pthread_self()) }

    // MARK: Tasks

    /// From any thread. After the loop has ended it does nothing.
    package func execute(_ task: @escaping @Sendable () -> Void) {
        if inEventLoop { return localTasks.append(task) }
        let wakes = inbox.withLock { inbox in
            guard !inbox.hasEnded else { return false }
            inbox.tasks.append(task)
            defer { inbox.isSignalled = true }
            return !inbox.isSignalled
        }
        if wakes { cl_event_signal(wake) }
    }

    /// On the loop: runs after the event that is being handled.
    package func executeLater(_ task: @escaping () -> Void) { localTasks.append(task) }

    /// Ends the loop after the tasks that are there; sockets that are left are closed with their owners' knowledge.
    package func stop(_ then: @escaping @Sendable () -> Void) {
        execute { [self] in
            isStopping = true
            whenStopped = then
        }
    }

    // MARK: Descriptors

    func watch(_ fd: Int32, _ events: UInt32, _ watched: any Watched) throws(SystemError) -> Int {
        let slot = freeSlots.popLast() ?? slots.count
        if slot == slots.count { slots.append(Slot()) }
        slots[slot].turn &+= 1
        let token = UInt64(slots[slot].turn) << 32 | UInt64(slot)
        guard cl_epoll_add(epoll, fd, events, token) == 0 else {
            freeSlots.append(slot)
            throw SystemError(call: "epoll_ctl")
        }
        slots[slot].watched = watched
        return slot
    }

    func change(_ fd: Int32, _ events: UInt32, slot: Int) {
        let token = UInt64(slots[slot].turn) << 32 | UInt64(slot)
        // Cannot fail for a descriptor that is watched, short of a lack of kernel memory.
        _ = cl_epoll_modify(epoll, fd, events, token)
    }

    /// The descriptor is closed by the caller, which takes it out of epoll, unless another process has it too.
    func unwatch(_ fd: Int32, slot: Int, isShared: Bool) {
        if isShared { _ = cl_epoll_remove(epoll, fd) }
        slots[slot].watched = nil
        slots[slot].turn &+= 1
        freeSlots.append(slot)
    }

    func readLater(_ watched: any Watched) { unread.append(watched) }

    // MARK: The loop

    private func run() {
        threadID.store(UInt(pthread_self()), ordering: .relaxed)
        let events = UnsafeMutablePointer<cl_event>.allocate(capacity: Self.batch)
        defer { events.deallocate() }
        while !isStopping {
            let count = cl_epoll_wait(epoll, events, Int32(Self.batch), timeout())
            time = .now()
            for index in 0..<max(0, Int(count)) { dispatch(events[index]) }
            readOn()
            runTimers()
            runTasks()
        }
        end()
    }

    private func timeout() -> Int32 {
        guard unread.isEmpty, localTasks.isEmpty else { return 0 }
        guard let next = timers.next else { return -1 }
        // Rounded up, or the loop would spin through the last part of a millisecond.
        let milliseconds = ((next - .now()).nanoseconds + 999_999) / 1_000_000
        return Int32(clamping: max(0, milliseconds))
    }

    private func dispatch(_ event: cl_event) {
        guard event.token != Self.wakeToken else { return takeInbox() }
        let slot = Int(event.token & 0xffff_ffff)
        guard slots[slot].turn == UInt32(event.token >> 32), let watched = slots[slot].watched else { return }
        watched.ready(event.events)
    }

    private func readOn() {
        guard !unread.isEmpty else { return }
        let batch = unread
        unread.removeAll(keepingCapacity: true)
        for watched in batch { watched.continueReading() }
    }

    private func takeInbox() {
        cl_event_clear(wake)
        let tasks = inbox.withLock { inbox in
            inbox.isSignalled = false
            defer { inbox.tasks = [] }
            return inbox.tasks
        }
        for task in tasks { task() }
    }

    private func runTimers() {
        guard let next = timers.next, next <= time else { return }
        for timer in timers.takeDue(time) {
            let action = timer.action
            timer.action = nil
            action?()
        }
    }

    /// Tasks that these make wait for the next turn, so that sockets are never starved.
    private func runTasks() {
        guard !localTasks.isEmpty else { return }
        let batch = localTasks
        localTasks.removeAll(keepingCapacity: true)
        for task in batch { task() }
    }

    private func end() {
        // A close may lead to further tasks, and those to further closes; each round ends at least one of them.
        while true {
            takeInbox()
            for slot in slots.indices { slots[slot].watched?.loopEnds() }
            runTasks()
            let left = inbox.withLock { inbox in
                inbox.hasEnded = inbox.tasks.isEmpty
                return !inbox.hasEnded
            }
            if !left, localTasks.isEmpty, slots.allSatisfy({ $0.watched == nil }) { break }
        }
        for timer in timers.takeAll() where timer.action != nil {
            timer.action = nil
            timer.abandoned?()
        }
        whenStopped?()
        whenStopped = nil
    }
}

private func checkedDescriptor(_ call: StaticString, _ body: () -> Int32) throws(SystemError) -> Int32 {
    let fd = body()
    guard fd >= 0 else { throw SystemError(call: "\(call)") }
    return fd
}
