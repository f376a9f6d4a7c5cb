# The guest's first process after init: ends the making of the fabric, runs one command, reports to the host how it ended.
# Talks with the host over virtio ports, numbered as in qemu.ts:
#   1 control: the host sends `run MARK BASE64`, later `signal NAME`; the guest sends `ready`, `alive`, `exit STATUS`
#   2 and 3: the command's stdout and stderr, each closed by a mark that the host chose; 4: its stdin
# hvc0 is the command's terminal when it has one.

bb=/run/fabric/busybox
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root

for parameter in $($bb cat /proc/cmdline); do
  case $parameter in fabric.*=*)
    value=${parameter#*=} name=${parameter%%=*}
    eval "option_${name#fabric.}=\$value"
    ;;
  esac
done

ulimit -l unlimited
ulimit -n 65536
ulimit -c 0

port() { echo /dev/vport*p"$1"; }
exec 3<>"$(port 1)"
fail() { # the host prints the console, then ends this machine
  echo "fabric: $1"
  echo failed >&3
  while :; do $bb sleep 60; done
}

modules=$(echo "$option_modules" | $bb base64 -d)
$bb mkdir -p "/lib/modules/${modules##*/}"
$bb mount --bind "$modules" "/lib/modules/${modules##*/}"

read -r target </run/fabric/target-status
if ! { [ "$target" = 0 ] && . /run/fabric/rdma.sh && . /run/fabric/ports.sh; }; then
  fail 'see above'
fi

if [ -n "$option_share" ]; then
  share=$(echo "$option_share" | $bb base64 -d)
  $bb mkdir -p "$share"
  $bb mount -t 9p -o trans=virtio,version=9p2000.L,cache=mmap,msize=512000 share "$share" ||
    fail "cannot mount $share"
fi

read -r up _ </proc/uptime
echo "ready $(cat /run/fabric/kernel-seconds) $up" >&3
read -r verb mark job <&3
if [ "$verb" != run ]; then $bb poweroff -f; fi
echo "$job" | $bb base64 -d >/run/fabric/job.sh

$bb mkfifo /run/fabric/stdout /run/fabric/stderr /run/fabric/stdin
relay() { # fifo port: what a command leaves in the fifo goes to the host, then the mark
  { $bb cat "/run/fabric/$1"; printf %s "$mark"; } >"$(port "$2")"
}
relay stdout 2 3<&- &
relay stderr 3 3<&- &
if [ "$option_stdin" = 1 ]; then
  $bb cat "$(port 4)" >/run/fabric/stdin 3<&- &
  stdin=/run/fabric/stdin
else
  stdin=/dev/null
fi

if [ "$option_tty" = 1 ]; then
  # shellcheck disable=SC2094 # the terminal is both ways
  $bb setsid -c /bin/sh /run/fabric/job.sh <>/dev/hvc0 >&0 2>&0 3<&- &
else
  $bb setsid /bin/sh /run/fabric/job.sh <"$stdin" >/run/fabric/stdout 2>/run/fabric/stderr 3<&- &
fi
leader=$!

# A host that is gone closes the port: end, so that no machine is left over.
{
  while read -r verb argument; do
    [ "$verb" = signal ] && kill -s "$argument" -- "-$leader"
  done <&3
  $bb poweroff -f
} &
{ while $bb sleep 5; do echo alive; done >&3; } &

wait "$leader"
status=$?
kill -s KILL -- "-$leader" 2>/dev/null
[ "$option_tty" = 1 ] && printf %s "$mark" >/dev/hvc0
$bb sync
echo "exit $status" >&3
while :; do $bb sleep 60; done
