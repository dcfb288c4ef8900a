# frozen_string_literal: true

module PhusionPassenger
  # The program that the gem's commands stand for. It is installed apart from any gem, and runs any Ruby.
  module Program
    # The first on the PATH that is a program itself: a gem's commands, which are scripts, may come before it.
    def self.find(name = 'passenger')
      ENV.fetch('PATH', '').split(File::PATH_SEPARATOR).map { |directory| File.join(directory, name) }.find do |path|
        File.file?(path) && File.executable?(path) && File.binread(path, 2) != '#!'
      end
    end

    def self.run(name, arguments)
      path = find(name) or abort "#{name}: the passenger server is not installed, or not on the PATH. The gem only starts it."
      exec([path, path], *arguments)
    end
  end
end
