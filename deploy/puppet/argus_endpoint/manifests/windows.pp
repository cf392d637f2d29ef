# @summary Windows, by the MSI. Its name in the system's list of programs is "Argus Endpoint".
# @api private
class argus_endpoint::windows {
  if $argus_endpoint::ensure == 'absent' {
    package { 'Argus Endpoint':
      ensure            => absent,
      uninstall_options => [{ 'PURGE' => '1' }],
    }
  } else {
    $options = $argus_endpoint::secret ? {
      undef   => [],
      default => [{ 'TOKEN' => $argus_endpoint::secret }],
    }
    package { 'Argus Endpoint':
      ensure          => $argus_endpoint::version,
      source          => "${argus_endpoint::source}/argus-endpoint-${argus_endpoint::version}-x64.msi",
      install_options => $options,
    }
    unless $argus_endpoint::settings.empty {
      file { 'C:/ProgramData/argus-endpoint/argus-endpoint.conf':
        content => epp('argus_endpoint/argus-endpoint.conf.epp', { 'settings' => $argus_endpoint::settings }),
        require => Package['Argus Endpoint'],
        notify  => Service['argus-endpoint'],
      }
    }
    service { 'argus-endpoint':
      ensure  => running,
      enable  => true,
      require => Package['Argus Endpoint'],
    }
  }
}
