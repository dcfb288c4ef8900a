# frozen_string_literal: true

require 'socket'
require_relative 'fork_safety'

module PhusionPassenger
  # A process that has loaded the app and forks workers from it. The supervisor asks for each by a packet on the control socket
  # with the descriptors that the worker is to have; README.md one folder up has the protocol.
  #
  # Three processes take part in a fork: this one, one in the middle that ends at once, and the worker, whose parent is then the
  # supervisor. Only it may wait for the worker, and its death is the worker's.
  class Preloader
    LARGEST_MESSAGE = 256
    # Room for the four descriptors of a request, and more than the kernel needs for them.
    LARGEST_CONTROL = 256
    STOP_SIGNALS = %w[TERM INT QUIT].freeze

    # What a forked worker has of its own.
    Birth = Struct.new(:listener, :handshake, :owner)

    # +control+ and +owner+ are descriptor numbers: a SOCK_SEQPACKET socket, and the end of a pipe that the supervisor holds.
    def initialize(control:, owner:)
      @supervisor = Process.ppid
      @control = Socket.for_fd(control)
      @owner = IO.for_fd(owner, 'r')
      [@control, @owner].each { |io| io.close_on_exec = true }
    end

    # Full collections make what the app has loaded old, and compaction packs it: the fewer objects the collector of a worker
    # changes or moves later, the more pages stay shared.
    def self.warm_up
      return Process.warmup if Process.respond_to?(:warmup)

      4.times { GC.start }
      GC.compact if GC.respond_to?(:compact)
    rescue NotImplementedError
      # No compaction on this platform.
    end

    # Forks for as long as it is asked to; returns in forked workers only, with their Birth.
    def run
      # Nothing of the app's is to run at its end: no worker was here.
      STOP_SIGNALS.each { |signal| trap(signal) { exit!(0) } }
      loop do
        ticket, descriptors = receive
        pipe = IO.pipe
        birth = fork_worker(ticket, descriptors, *pipe)
        return birth if birth

        [*pipe, *descriptors].each { |io| io.close unless io.closed? }
      end
    end

    private

    def receive
      message, _, _, *controls = @control.recvmsg(LARGEST_MESSAGE, 0, LARGEST_CONTROL, scm_rights: true)
      exit!(0) if message.empty?
      descriptors = controls.flat_map { |control| control.cmsg_is?(:SOCKET, :RIGHTS) ? control.unix_rights : [] }
      ticket = message[/\Aspawn (\d+)\z/, 1]
      abort "passenger: the preloader does not understand #{message.inspect}" unless ticket && descriptors.size == 4
      [ticket, descriptors]
    end

    # Returns the Birth in the worker, nil here.
    def fork_worker(ticket, descriptors, released, release)
      ForkSafety.before_fork
      middle = Process.fork
      return be_born(ticket, descriptors, released, release) unless middle

      status = wait_for(middle)
      # Its parent is reaped, so the worker is the supervisor's child now.
      release.close
      fail_fork(ticket, status) unless status.zero?
    rescue SystemCallError => e
      fail_fork(ticket, e.errno)
    end

    # 0, or the errno of the second fork. A SIGCHLD handler of the app's may have waited for it.
    def wait_for(pid)
      Process.wait2(pid)[1].exitstatus || Errno::ECANCELED::Errno
    rescue Errno::ECHILD
      0
    end

    def fail_fork(ticket, errno)
      @control.send("failed #{ticket} #{errno}", 0)
      nil
    end

    # Two processes run this. Whatever goes wrong ends them here: nothing above is theirs.
    def be_born(ticket, descriptors, released, release)
      leave_worker_behind
      release.close
      released.read
      released.close
      become_child_of_supervisor
      listener, handshake, *outputs = descriptors
      listener.autoclose = false
      [$stdout, $stderr].each(&:flush)
      [STDOUT, STDERR].zip(outputs) { |stream, output| stream.reopen(output) }
      [STDOUT, STDERR].each { |stream| stream.sync = true }
      outputs.each(&:close)
      @control.send("born #{ticket}", 0)
      @control.close
      Birth.new(listener.fileno, handshake, @owner)
    rescue Exception => e # rubocop:disable Lint/RescueException
      STDERR.write("passenger: a forked worker could not start: #{e.full_message(highlight: false)}")
      exit!(1)
    end

    def leave_worker_behind
      exit!(0) if Process.fork
    rescue SystemCallError => e
      exit!(e.errno)
    end

    def become_child_of_supervisor
      ParentDeath.kill_on_it
      # It may have ended before that was asked for.
      exit!(1) if Process.ppid != @supervisor
      Process.setpgid(0, 0)
    end
  end

  # prctl(2), PR_SET_PDEATHSIG. Fiddle would be a gem to activate; where the number is not known, the owner pipe has to do.
  module ParentDeath
    PRCTL = { 'x86_64' => 157, 'aarch64' => 167, 'riscv64' => 167, 'powerpc64le' => 171, 's390x' => 172, 'armv7l' => 172 }.freeze
    PR_SET_PDEATHSIG = 1

    def self.kill_on_it
      return unless (number = PRCTL[RbConfig::CONFIG['host_cpu']])

      verbose = $VERBOSE
      $VERBOSE = nil # `syscall` warns that it is deprecated.
      syscall(number, PR_SET_PDEATHSIG, Signal.list.fetch('KILL'))
    ensure
      $VERBOSE = verbose
    end
  end
end
