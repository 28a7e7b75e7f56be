# The first process of the step's container. It needs nothing but a POSIX shell.
# The container of the worker's own programs holds the other ends of the named pipes; it keeps what is printed.
control=$1
if [ "$$" != 1 ]; then
  echo "the processes of this pod are not apart from others" >"$control/problem"
  exit 125
fi
# Orders are names of signals. Of all processes of the container, PID 1 and the sender do not get them.
(trap '' TERM INT HUP; while read -r order <"$control/orders"; do kill "-$order" -1; done) 2>/dev/null &
exec 3>"$control/output" 4>"$control/errors" 2>/dev/null
echo started >"$control/started"
(exec >&3 2>&4 3>&- 4>&-; . "$control/run")
status=$?
# This shell and the reader of orders remain; what else there is may finish its last lines.
others() { set -- /proc/[0-9]*; [ $# -gt 2 ]; }
# An image without sleep waits for a line, which the container of the worker's own programs writes after as long.
# The end of the line before may still be open; a look at that finds no line.
tick() { read -r _ <"$control/ticks"; }
moment() { sleep 0.1 2>/dev/null || tick || tick; }
patiently() { while [ "$1" -gt 0 ] && others && moment; do set -- $(($1 - 1)); done; }
if others; then
  patiently 5
  others && kill -TERM -1 && patiently 30
  others && kill -KILL -1
fi
count=0
for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
  [ -r "$file" ] && while read -r key value; do
    [ "$key" = oom_kill ] && count=$value
  done <"$file"
done
[ "$count" -gt 0 ] && echo "memory ran out: the system killed $count process(es) of this container" >&4
exec 3>&- 4>&-
echo "$status" >"$control/status"
# Native sidecars end with this container, which therefore waits until all is published.
read -r line <"$control/release"
exit "$status"
