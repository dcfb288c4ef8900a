# frozen_string_literal: true

require_relative 'loader_process'

# A loader as a preloader: the test is the supervisor, which asks for forks and whose children the workers are.
class PreloaderProcess < LoaderProcess
  PR_SET_CHILD_SUBREAPER = 36
  # Asked for like any other, and then spoken to as a LoaderProcess is.
  Worker = Struct.new(:pid, :handshake_lines, :log_path, :socket_path)

  def initialize(files, plan = {})
    subreap
    @control, control = Socket.pair(:UNIX, :SEQPACKET, 0)
    # The kernel names the sender of each packet, as it does to the supervisor.
    @control.setsockopt(:SOCKET, :PASSCRED, true)
    owner, @owner = IO.pipe
    @tickets = 0
    @workers = []
    @given = { 5 => control, 6 => owner }
    super(files, { listener: nil, control: 5, owner: 6 }.merge(plan))
    @given.each_value(&:close)
  end

  attr_reader :owner

  def spawn_options
    super.except(3).merge(@given)
  end

  # Sends the request; what comes of it is read by `born`.
  def ask_for_worker
    ticket = @tickets += 1
    socket_path = File.join(@directory, "w#{ticket}.sock")
    log_path = File.join(@directory, "w#{ticket}.log")
    handshake, handshake_writer = IO.pipe
    listener = UNIXServer.new(socket_path)
    output = File.open(log_path, 'a')
    rights = Socket::AncillaryData.unix_rights(listener, handshake_writer, output, output)
    @control.sendmsg("spawn #{ticket}", 0, nil, rights)
    [listener, handshake_writer, output].each(&:close)
    [ticket, handshake, log_path, socket_path]
  end

  # The words of a packet on the control socket, and the pid of the process that sent it.
  def control_message
    Timeout.timeout(60) do
      message, _, _, credentials = @control.recvmsg(256)
      [message, credentials.data.unpack1('l')]
    end
  end

  def fork_worker
    handshake
    ticket, worker_handshake, log_path, socket_path = ask_for_worker
    message, pid = control_message
    raise "not born: #{message} #{log} #{File.read(log_path)}" unless message == "born #{ticket}"

    lines = Timeout.timeout(60) { worker_handshake.read }.lines.map { |line| JSON.parse(line) }
    worker_handshake.close
    Worker.new(pid, lines, log_path, socket_path).tap { |worker| @workers << worker }
  end

  def connect_to(worker)
    UNIXSocket.new(worker.socket_path).tap { |connection| @connections << connection }
  end

  def ask(worker, path, **options)
    get(path, connection: connect_to(worker), **options)
  end

  def wait_for(worker)
    @workers.delete(worker)
    Timeout.timeout(60) { Process.wait2(worker.pid)[1] }
  end

  def hang_up
    @control.close
  end

  def close
    @workers.each do |worker|
      Process.kill(:KILL, worker.pid)
      Process.wait(worker.pid)
    end
    super
    [@control, @owner].each { |io| io.close unless io.closed? }
  end

  private

  # Workers whose parents have ended become the test's children, as they become the supervisor's.
  def subreap
    verbose, $VERBOSE = $VERBOSE, nil
    syscall({ 'x86_64' => 157, 'aarch64' => 167 }.fetch(RbConfig::CONFIG['host_cpu']), PR_SET_CHILD_SUBREAPER, 1)
  ensure
    $VERBOSE = verbose
  end
end
