# @summary macOS, by the .pkg; the token lies beside the settings before it is installed.
# @api private
class argus_endpoint::darwin {
  $folder = '/Library/Application Support/argus-endpoint'
  if $argus_endpoint::ensure == 'absent' {
    exec { '/usr/local/bin/argus-endpoint uninstall --purge':
      onlyif => '/bin/test -e /usr/local/bin/argus-endpoint',
    }
  } else {
    file { $folder:
      ensure => directory,
      owner  => 'root',
      group  => 'wheel',
      mode   => '0700',
    }
    if $argus_endpoint::secret {
      file { "${folder}/token":
        owner     => 'root',
        group     => 'wheel',
        mode      => '0600',
        content   => Sensitive("${argus_endpoint::secret}\n"),
        show_diff => false,
        before    => Package["argus-endpoint-${argus_endpoint::version}.pkg"],
      }
    }
    package { "argus-endpoint-${argus_endpoint::version}.pkg":
      ensure   => installed,
      provider => pkgdmg,
      source   => "${argus_endpoint::source}/argus-endpoint-${argus_endpoint::version}.pkg",
      require  => File[$folder],
    }
    unless $argus_endpoint::settings.empty {
      file { "${folder}/argus-endpoint.conf":
        owner   => 'root',
        group   => 'wheel',
        mode    => '0600',
        content => epp('argus_endpoint/argus-endpoint.conf.epp', { 'settings' => $argus_endpoint::settings }),
        require => Package["argus-endpoint-${argus_endpoint::version}.pkg"],
        notify  => Service['org.argus-endpoint.agent'],
      }
    }
    service { 'org.argus-endpoint.agent':
      ensure  => running,
      enable  => true,
      require => Package["argus-endpoint-${argus_endpoint::version}.pkg"],
    }
  }
}
