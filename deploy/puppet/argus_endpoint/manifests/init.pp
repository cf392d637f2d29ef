# @summary The network flow sensor Argus Endpoint, enrolled at its collector.
#
# @param token
#   What `argus-collector token create` prints. Without it the host finds its collector by DNS and waits for approval.
# @param source
#   A folder (of the host, puppet:///modules/NAME, or a URL) with the files of a release. Without it: the host's own repositories.
# @param version
#   The version of those files. Raising it upgrades.
# @param settings
#   Lines of argus-endpoint.conf. Without any, that file stays as it is.
# @param ensure
#   absent stops it and removes program, state and settings.
#
# @example
#   class { 'argus_endpoint': token => Sensitive('argus1.AAAA...') }
class argus_endpoint (
  Optional[Variant[Sensitive[Pattern[/\Aargus1\./]], Pattern[/\Aargus1\./]]] $token = undef,
  Optional[String[1]] $source = undef,
  Optional[Pattern[/\A\d/]] $version = undef,
  Hash[Pattern[/\AARGUS_/], Scalar] $settings = {},
  Enum['present', 'absent'] $ensure = 'present',
) {
  if $source and !$version {
    fail('argus_endpoint: source needs version')
  }
  # A Sensitive in, a Sensitive out: reports and logs do not show it.
  $secret = $token ? {
    Undef     => undef,
    Sensitive => $token.unwrap,
    default   => $token,
  }
  case $facts['os']['family'] {
    'windows': { contain argus_endpoint::windows }
    'Darwin':  { contain argus_endpoint::darwin }
    default:   { contain argus_endpoint::linux }
  }
}
