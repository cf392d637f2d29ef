#include "textflag.h"

TEXT libc_syslog_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_syslog(SB)
GLOBL	·syslogTrampoline(SB), RODATA, $8
DATA	·syslogTrampoline(SB)/8, $libc_syslog_trampoline<>(SB)
