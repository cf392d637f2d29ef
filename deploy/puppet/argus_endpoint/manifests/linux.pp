# @summary Linux, by the packages of Debian's or Red Hat's family.
# @api private
class argus_endpoint::linux {
  $folder = '/etc/argus-endpoint'
  $cache = '/var/cache/argus-endpoint'
  $kind = $facts['os']['family'] ? {
    'Debian' => 'deb',
    default  => 'rpm',
  }
  if $argus_endpoint::ensure == 'absent' {
    package { 'argus-endpoint':
      ensure => $kind ? {
        'deb'   => 'purged',
        default => 'absent',
      },
    }
    -> file { [$folder, $cache, '/var/lib/argus-endpoint']:
      ensure => absent,
      force  => true,
    }
    -> user { 'argus-endpoint':
      ensure => absent,
    }
    -> group { 'argus-endpoint':
      ensure => absent,
    }
  } else {
    file { $folder:
      ensure => directory,
      owner  => 'root',
      group  => 'root',
      mode   => '0755',
    }
    # Before the package: the service finds it at its first start. A later one is used without a restart.
    if $argus_endpoint::secret {
      file { "${folder}/token":
        owner     => 'root',
        group     => 'root',
        mode      => '0600',
        content   => Sensitive("${argus_endpoint::secret}\n"),
        show_diff => false,
        before    => Package['argus-endpoint'],
      }
    }
    if $argus_endpoint::source {
      $arch = $facts['os']['hardware'] ? {
        'x86_64'  => 'amd64',
        'aarch64' => 'arm64',
        default   => 'armhf',
      }
      $file = "${cache}/package.${kind}"
      file { $cache:
        ensure => directory,
        owner  => 'root',
        group  => 'root',
        mode   => '0755',
      }
      -> file { $file:
        owner  => 'root',
        group  => 'root',
        mode   => '0644',
        source => "${argus_endpoint::source}/argus-endpoint_${argus_endpoint::version}_${arch}.${kind}",
      }
      -> package { 'argus-endpoint':
        ensure   => latest,
        provider => $kind ? {
          'deb'   => 'dpkg',
          default => 'rpm',
        },
        source   => $file,
        require  => File[$folder],
      }
    } else {
      package { 'argus-endpoint':
        ensure  => installed,
        require => File[$folder],
      }
    }
    unless $argus_endpoint::settings.empty {
      file { "${folder}/argus-endpoint.conf":
        owner   => 'root',
        group   => 'argus-endpoint',
        mode    => '0640',
        content => epp('argus_endpoint/argus-endpoint.conf.epp', { 'settings' => $argus_endpoint::settings }),
        require => Package['argus-endpoint'],
        notify  => Service['argus-endpoint'],
      }
    }
    service { 'argus-endpoint':
      ensure  => running,
      enable  => true,
      require => Package['argus-endpoint'],
    }
  }
}
