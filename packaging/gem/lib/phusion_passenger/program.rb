# frozen_string_literal: true

module PhusionPassenger
  # The program that the gem's commands stand for. It is installed apart from any gem, and runs any Ruby.
  module Program
    # The first on the PATH that is a program itself: a gem's commands, which are scripts, may come before it.
    def self.find
      ENV.fetch('PATH', '').split(File::PATH_SEPARATOR).map { |directory| File.join(directory, 'passenger') }.find do |path|
        File.file?(path) && File.executable?(path) && File.binread(path, 2) != '#!'
      end
    end

    # It is the tool by whose name it is called.
    def self.run(name, arguments)
      path = find or abort "#{name}: the passenger server is not installed, or not on the PATH. The gem only starts it."
      exec([path, name == 'passenger' ? path : name], *arguments)
    end
  end
end
