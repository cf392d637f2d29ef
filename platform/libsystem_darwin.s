#include "textflag.h"

TEXT libc_ioctl_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_ioctl(SB)
GLOBL	·ioctlTrampoline(SB), RODATA, $8
DATA	·ioctlTrampoline(SB)/8, $libc_ioctl_trampoline<>(SB)

TEXT libc_gethostuuid_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_gethostuuid(SB)
GLOBL	·gethostuuidTrampoline(SB), RODATA, $8
DATA	·gethostuuidTrampoline(SB)/8, $libc_gethostuuid_trampoline<>(SB)

TEXT libc_syslog_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_syslog(SB)
GLOBL	·syslogTrampoline(SB), RODATA, $8
DATA	·syslogTrampoline(SB)/8, $libc_syslog_trampoline<>(SB)
