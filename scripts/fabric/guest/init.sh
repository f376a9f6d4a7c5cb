#!/bin/busybox sh
# First process of the guest. Two things go on at the same time, one on each processor: the host's files are found and covered
# with a throw-away layer; the fabric's modules are loaded and its target is made. Then agent.sh takes over in the
# host's files. busybox's shell runs its own mount, mkdir and so on without starting a
# program.
# /modules/root and /modules/fabric list modules in load order, with their parameters.

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
read -r up _ </proc/uptime

load() {
  # shellcheck disable=SC2086 # a module may have parameters
  while read -r module parameters; do
    insmod "/modules/$module" $parameters || echo "fabric: cannot load $module"
  done <"/modules/$1"
}

load root
(
  load fabric
  mount -t configfs config /sys/kernel/config
  ip link set lo up
  . /subsystems.sh && . /link.sh
  echo $? >/target-status
) &

mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 root /lower || echo 'fabric: no host files'
mount -t tmpfs -o size=75% upper /upper
mkdir /upper/files /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work,xino=off,index=off root /root ||
  echo 'fabric: no overlay'
mount -t tmpfs -o mode=755 run /root/run
mkdir /root/run/fabric /root/run/lock
cp /bin/busybox /agent.sh /rdma.sh /ports.sh /root/run/fabric/

wait
cp /target-status /root/run/fabric/
echo "$up" >/root/run/fabric/kernel-seconds
mkdir -p /dev/pts /dev/shm /dev/hugepages
mount -t devpts -o ptmxmode=666,gid=5,mode=620 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t hugetlbfs -o pagesize=2M hugepages /dev/hugepages
mount -t debugfs debug /sys/kernel/debug
ln -sf /proc/self/fd /dev/fd
ln -sf fd/0 /dev/stdin
ln -sf fd/1 /dev/stdout
ln -sf fd/2 /dev/stderr
hostname fabric
for kept in dev sys proc; do mount --move /$kept /root/$kept; done
exec /bin/busybox switch_root /root /bin/sh /run/fabric/agent.sh
