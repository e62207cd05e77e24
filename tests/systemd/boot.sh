#!/bin/sh
# Boots the systemd of this computer once more, as the first process of a machine that is thrown away afterwards.
# Called by machine.py, as `unshare --mount --propagation private sh boot.sh`, with in its environment:
#
#   SCRATCH    an empty folder: the machine's disk is mounted here, seen by nobody outside
#   UNITS      the folder systemd/, of which the machine has a copy as /usr/src/recursion-gate/systemd
#   PYTHON     the prefix of the Python that runs the tests, which the machine sees as /opt/python; none if in /usr
#   WHEELS     a folder that the machine sees as /opt/wheels
#
# The machine has its own mounts, processes, host name, network (none), IPC and control groups. Its disk is the real
# one, copy-on-write, with all changes in memory. Kernel settings, modules, clock and devices are not its to change.
set -eu

say() { echo "boot: $*" >&2; exit 1; }

mount -t tmpfs -o mode=755 tmpfs "$SCRATCH" || say "no tmpfs"
mkdir "$SCRATCH/upper" "$SCRATCH/work" "$SCRATCH/disk" "$SCRATCH/groups"
disk=$SCRATCH/disk
mount -t overlay -o "lowerdir=/,upperdir=$SCRATCH/upper,workdir=$SCRATCH/work" overlay "$disk" || say "no overlay"

# Nothing of what this computer is set up to do belongs into the machine: no disks, no services, no timers.
rm -rf "$disk/etc/systemd/system" "$disk/etc/systemd/user" "$disk/etc/fstab" "$disk/etc/crypttab"
rm -rf "$disk/opt/recursion-gate" "$disk/srv/recursion-gate" # should the service be installed here
mkdir -p "$disk/etc/systemd/system" "$disk/etc/systemd/user" "$disk/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=volatile\nRateLimitBurst=0\n' >"$disk/etc/systemd/journald.conf.d/machine.conf"
for folder in tmp run var/tmp var/log; do
  mount -t tmpfs -o mode=1777 tmpfs "$disk/$folder"
done
chmod 755 "$disk/run" "$disk/var/log"
mkdir -p "$disk/usr/src/recursion-gate" "$disk/opt/python" "$disk/opt/wheels"
cp -r "$UNITS" "$disk/usr/src/recursion-gate/systemd"
chmod -R a+rX "$disk/usr/src/recursion-gate" # the checkout may be in a folder that is closed to others
if [ -n "$PYTHON" ]; then
  mount -o bind,ro "$PYTHON" "$disk/opt/python"
  # Its library is where it was built, perhaps in a home that units do not see: else they would load another one.
  mkdir -p "$disk/etc/systemd/system.conf.d"
  printf '[Manager]\nDefaultEnvironment=LD_LIBRARY_PATH=/opt/python/lib\n' >"$disk/etc/systemd/system.conf.d/machine.conf"
fi
mount -o bind,ro "$WHEELS" "$disk/opt/wheels"

# Device nodes of its own: booting sets modes on them.
mount -t tmpfs -o mode=755 tmpfs "$disk/dev"
mkdir "$disk/dev/pts" "$disk/dev/shm"
for node in "null 3" "zero 5" "full 7" "random 8" "urandom 9"; do
  mknod -m 666 "$disk/dev/${node% *}" c 1 "${node#* }"
done
mknod -m 666 "$disk/dev/tty" c 5 0
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$disk/dev/pts"
ln -s pts/ptmx "$disk/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$disk/dev/shm"

# A control group of its own, which is the whole tree as seen from inside, and is taken away at the end.
mount -t cgroup2 cgroup2 "$SCRATCH/groups" || say "no cgroup2"
ours=$(sed -n 's/^0:://p' /proc/self/cgroup)
group=$SCRATCH/groups/$ours/recursion-gate-test-$$
mkdir "$group" || say "no control group"
export disk

# A new PID namespace begins with the child, so that /proc is mounted by it.
sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$group" \
  unshare --mount --cgroup --pid --uts --ipc --net --fork --kill-child sh -euc '
  cd "$disk"
  mount -t proc proc proc
  mount -o bind,ro proc/sys proc/sys
  mount -t sysfs -o ro sysfs sys
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  pivot_root . mnt
  umount -l mnt
  exec setpriv --bounding-set=-sys_module,-sys_time,-sys_rawio,-syslog \
    env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=other \
    /lib/systemd/systemd --system --unit=basic.target --show-status=no --log-target=journal
' </dev/null >&2 &
echo "$!" # the parent of the machine's first process

# Whoever called keeps our standard input open for as long as the machine is to live, and cannot forget to end it.
cat >/dev/null || true
kill -9 "$!" 2>/dev/null || true
wait
while grep -q 'populated 1' "$group/cgroup.events"; do sleep 0.02; done
find "$group" -depth -type d -exec rmdir {} +
umount --lazy --recursive "$SCRATCH"
rmdir "$SCRATCH"
