# An app in an image of templates/container/Containerfile:
#
#     passenger integrate nomad > app.nomad.hcl
#     nomad job run app.nomad.hcl
#
# A new version is a new image. The checks are Consul's, which runs them in the task.
job "app" {
  type = "service"

  update {
    max_parallel      = 1
    canary            = 1
    health_check      = "checks"
    min_healthy_time  = "10s"
    healthy_deadline  = "5m"
    progress_deadline = "10m"
    auto_promote      = true
    auto_revert       = true
  }

  group "app" {
    count = 2

    network {
      port "http" {
        to = 8080
      }
    }

    service {
      name = "app"
      port = "http"

      check {
        name     = "ready"
        type     = "script"
        task     = "app"
        command  = "passenger"
        args     = ["api", "GET", "/readyz"]
        interval = "5s"
        timeout  = "5s"
      }
    }

    task "app" {
      driver = "docker"
      # As in the image: not root.
      user = "10001:10001"

      config {
        image           = "registry.example.com/app:1"
        args            = ["start", "/app"]
        ports           = ["http"]
        readonly_rootfs = true
        cap_drop        = ["all"]
        security_opt    = ["no-new-privileges"]

        mount {
          type   = "tmpfs"
          target = "/run/app"
          tmpfs_options {
            # Sockets; open to the image's user, whose directory this hides.
            mode = 1023
            size = 16777216
          }
        }

        mount {
          type   = "tmpfs"
          target = "/tmp"
          tmpfs_options {
            mode = 1023
            size = 268435456
          }
        }
      }

      env {
        PASSENGER_SHUTDOWN_TIMEOUT = "25s"
        PASSENGER_MIN_INSTANCES    = "2"
        PASSENGER_MAX_POOL_SIZE    = "2"
      }

      # Consul forgets the task first, and after this time it is told to stop. This is in the place of PASSENGER_SHUTDOWN_DELAY.
      shutdown_delay = "10s"
      kill_signal    = "SIGTERM"
      # More than PASSENGER_SHUTDOWN_TIMEOUT, after which the server ends by itself. (Clients of Nomad allow 30s at most, unless
      # their max_kill_timeout says more.)
      kill_timeout = "30s"

      resources {
        cpu    = 500
        memory = 512
      }
    }
  }
}
