#!/bin/bash
# The first process of a laboratory host: mounts its disk over the machine's own files, and starts its services, as the
# machine's start would. Arguments: the host's folder, the folder of the built handyrep.
set -e
if [ "$1" != init ]; then
  folder=$1
  mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/disk,workdir=$folder/work" "$folder/root"
  cd "$folder/root"
  mount -t proc proc proc
  mount --rbind /dev dev
  mount -t tmpfs -o mode=755 tmpfs run
  for place in dev/shm tmp; do mount -t tmpfs -o mode=1777 tmpfs "$place"; done
  # A real host has a boot id of its own, another one after each start.
  cat proc/sys/kernel/random/uuid >run/boot_id
  mount --bind run/boot_id proc/sys/kernel/random/boot_id
  if [ -d "$2" ]; then
    mkdir -p opt/handyrep
    mount --bind "$2" opt/handyrep
  fi
  if [ -d "$folder/pgdata" ]; then
    mkdir -p var/lib/postgresql/15/main
    mount --rbind "$folder/pgdata" var/lib/postgresql/15/main
  fi
  exec chroot . /bin/bash /etc/laboratory/boot.sh init
fi
set +e
. /etc/laboratory/host
hostname "$NAME"
ip link set lo up
# The cable is plugged in while we start.
until ip link set eth0 address "$MAC" up 2>/dev/null; do sleep 0.02; done
ip address add "$ADDRESS/24" dev eth0
mkdir -p -m 755 /run/sshd /run/postgresql
chown postgres: /run/postgresql 2>/dev/null
[ -e /etc/laboratory/sshd ] && /usr/sbin/sshd -E /var/log/sshd.log
if [ -e /etc/laboratory/postgresql ]; then
  runuser -u postgres -- env -i HOME=/var/lib/postgresql PATH=/usr/bin:/bin LC_ALL=C \
    "$BIN_DIR/pg_ctl" start -W -s -D /var/lib/postgresql/15/main -l /var/lib/postgresql/15/server.log </dev/null
fi
[ -e /etc/laboratory/cron ] && cron
touch /run/booted
# Collects the processes that nobody else waits for.
while :; do
  sleep 3600 &
  wait $!
done
