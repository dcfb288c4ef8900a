import Glibc
import Linux
import Model

/// What the core is given beside children: files that it may not open itself, the word of the apps' directory, the meter.
extension SupervisorLoop {
    func open(_ path: String, for connection: CoreConnection) {
        ignoringClosedCore(connection) { () throws(SystemError) in
            let file: Descriptor
            do throws(SystemError) {
                file = try readableFiles.open(path)
            } catch {
                return try connection.send(.fileOpened(path: path, errno: error.errno))
            }
            try connection.send(.fileOpened(path: path, errno: 0), descriptors: [file.number])
        }
    }

    // MARK: The directory of apps

    func startAppsWatcher() {
        guard let apps, !machine.isEnding else { return }
        do throws(SystemError) {
            keep(try apps.start(using: launcher))
            if let number = apps.number { try epoll.add(number, .readable, token: Token.apps) }
        } catch {
            log.write("the watcher of the apps directory could not be started: \(error)")
            apps.ended(now: monotonicNow())
        }
    }

    func hearAppsWatcher() {
        guard let apps else { return }
        for _ in 0..<Self.mostMessages {
            switch apps.receive() {
            case .messages(let messages):
                policy.setOwners(apps.users)
                for message in messages {
                    send(.apps(message))
                    send(.apps(message), to: successorConnection)
                }
            case .nothingMore: return
            case .closed(let reason):
                if let number = apps.number { try? epoll.remove(number) }  // it may be closed already
                if !machine.isEnding { log.write("the watcher of the apps directory is lost: \(reason)") }
                return apps.ended(now: monotonicNow())
            }
        }
    }

    func startMeter() {
        guard let connection else { return }
        ignoringClosedCore(connection) { () throws(SystemError) in
            let socket: Descriptor
            do throws(SystemError) {
                socket = try meter.start()
            } catch {
                return try connection.send(.meterStarted(errno: error.errno))
            }
            try connection.send(.meterStarted(errno: 0), descriptors: [socket.number])
        }
    }
}
