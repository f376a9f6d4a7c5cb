#!/bin/busybox sh
# First process of the guest. Finds the host's files, lays a throw-away layer over them and goes on in there.
# The list of modules, in load order, is in /modules/root (needed to find the root) and /modules/fabric.

bb=/bin/busybox
$bb mount -t proc proc /proc
$bb mount -t devtmpfs dev /dev
read -r up _ </proc/uptime

while read -r module; do $bb insmod "/modules/$module" || echo "fabric: cannot load $module"; done </modules/root
# The fabric's own modules load on the other processor meanwhile; the agent waits for the mark.
{
  while read -r module; do $bb insmod "/modules/$module" || echo "fabric: cannot load $module"; done </modules/fabric
  : >/run/modules-loaded
} &

# Nothing shows its files but this mount: changes on the host during a run may or may not be seen.
$bb mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 root /lower || echo 'fabric: no host files'
$bb mount -t tmpfs -o size=75% upper /upper
$bb mkdir /upper/files /upper/work
$bb mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work,xino=off,index=off root /root ||
  echo 'fabric: no overlay'

$bb mount -t proc proc /root/proc
$bb mount -t sysfs sys /root/sys
$bb mount -t tmpfs -o mode=755 run /root/run
$bb mount --move /dev /root/dev
$bb mkdir /root/run/fabric /root/run/lock
$bb cp /bin/busybox /agent.sh /target.sh /topology.sh /root/run/fabric/
wait
echo "$up" >/root/run/fabric/kernel-seconds
$bb umount /proc
exec $bb switch_root /root /bin/sh /run/fabric/agent.sh
