//! The scripts of an edge's container. Its first process starts the proxy, and starts it again when it ends; everything else is asked
//! through commands that run beside it.
//!
//! Signals go to the first process by a command and never by the engine: a signal through the engine ends the restart policy.

use std::net::Ipv4Addr;

use super::config::{self, COMMANDS, DIGEST};
use super::{Edge, Server};

/// The first process.
pub const FIRST: &str = r#"stop=
trap 'kill -USR2 $proxy' USR2
trap 'stop=1; kill -USR1 $proxy' TERM
while [ -z "$stop" ]; do
  haproxy -W -db -f /edge/haproxy.cfg & proxy=$!
  while kill -0 $proxy 2>/dev/null; do wait $proxy; done
  [ -n "$stop" ] || sleep 0.2
done"#;

/// A script and its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    pub argv: Vec<String>,
    pub env: Vec<String>,
}

fn script(steps: &str, env: impl IntoIterator<Item = (&'static str, String)>) -> Script {
    let (address, port) = COMMANDS;
    let text = format!("ADDRESS={address} PORT={port} DIGEST={DIGEST}\n{ASK}\n{steps}");
    Script {
        argv: vec!["/bin/sh".into(), "-c".into(), text],
        env: env.into_iter().map(|(name, value)| format!("{name}={value}")).collect(),
    }
}

/// Gives the proxy commands, separated by `;`, and prints its answers.
const ASK: &str = r#"ask() {
  if command -v bash >/dev/null; then
    bash -c 'exec 3<>/dev/tcp/$1/$2 && printf "%s\n" "$3" >&3 && cat <&3' ask "$ADDRESS" "$PORT" "$1" 2>/dev/null
  else
    printf '%s\n' "$1" | nc "$ADDRESS" "$PORT"
  fi
}
put() {
  printf '%s' "$CONFIG" >/edge/haproxy.new && haproxy -c -q -f /edge/haproxy.new && mv /edge/haproxy.new /edge/haproxy.cfg
}
running() {
  ask "show env $DIGEST" | grep -q "^$DIGEST=$WANTED\$"
}
answers() {
  for try in $(seq 200); do
    if running; then return; fi
    sleep 0.05
  done
  echo "the proxy does not answer" >&2
  return 1
}"#;

/// Waits until the proxy runs this configuration.
pub fn await_start(edge: &Edge) -> Script {
    script("answers", [("WANTED", config::digest(edge))])
}

/// Writes the configuration, and has the proxy read it again. Ends when it runs.
pub fn reload(edge: &Edge) -> Script {
    let env = [("CONFIG", config::render(edge)), ("WANTED", config::digest(edge))];
    script("put && { running || { kill -USR2 1 && answers; }; }", env)
}

/// Has the edge send requests to a server: in the file, then in the proxy. Ends when the proxy does so, which is after its first check
/// of a new server; exit code 3 where that does not pass in time.
pub fn add(edge: &Edge, name: &str, server: &Server) -> Script {
    let places = config::backends_of(edge, &server.service)
        .into_iter()
        .map(|(backend, port)| format!("{backend}|{}:{}", server.address, port.unwrap_or(server.port)));
    let env = [
        ("CONFIG", config::render(edge)),
        ("PLACES", places.collect::<Vec<_>>().join(" ")),
        ("MAIN", server.service.clone()),
        ("NAME", name.to_owned()),
    ];
    script(ADD, env)
}

const ADD: &str = r#"put || exit
for place in $PLACES; do
  server=${place%%|*}/$NAME
  ask "add server $server ${place#*|} check inter 1s fall 2 rise 1" | grep -q 'New server' && new=1 || new=
  ask "enable health $server" >/dev/null
  [ -z "$new" ] || ask "set server $server health down" >/dev/null
  ask "set server $server state ready" >/dev/null
done
for try in $(seq 150); do
  # Columns 6 and 7: it is up, and no operator set it aside.
  ask "show servers state $MAIN" | grep -qE "^[0-9]+ $MAIN [0-9]+ $NAME [^ ]+ 2 0 " && exit 0
  sleep 0.1
done
exit 3"#;

/// Sends no more requests to a server; connections that are kept alive go elsewhere with their next request. Fails where the proxy still
/// sends it some.
pub fn quiesce(edge: &Edge, name: &str, server: &Server) -> Script {
    let states = config::backends_of(edge, &server.service);
    let states = states.into_iter().map(|(backend, _)| format!("set server {backend}/{name} state drain"));
    let env = [
        ("COMMANDS", states.collect::<Vec<_>>().join("; ")),
        ("MAIN", server.service.clone()),
        ("NAME", name.to_owned()),
    ];
    script(QUIESCE, env)
}

const QUIESCE: &str = r#"ask "$COMMANDS" || exit
! ask "show servers state $MAIN" | grep -E "^[0-9]+ $MAIN [0-9]+ $NAME [^ ]+ [0-9]+ 0 ""#;

/// Waits until a server has no requests, at most for so many seconds. Prints how many it has, when that changes. After a reload the
/// earlier process of the proxy serves its connections to their end. It answers no commands, so the kernel's list of connections counts.
pub fn drain(edge: &Edge, name: &str, server: &Server, seconds: u64) -> Script {
    let backends: Vec<String> =
        config::backends_of(edge, &server.service).into_iter().map(|(backend, _)| backend).collect();
    let ports: Vec<String> = config::backends_of(edge, &server.service)
        .into_iter()
        .map(|(_, port)| remote(server.address, port.unwrap_or(server.port)))
        .collect();
    let env = [
        ("NAME", name.to_owned()),
        ("BACKENDS", backends.join(" ")),
        ("REMOTE", ports.join("|")),
        ("SECONDS_LEFT", seconds.to_string()),
    ];
    script(DRAIN, env)
}

const DRAIN: &str = r##"now() { cut -d. -f1 /proc/uptime; }
busy() {
  # All connections, then sessions of the proxy that runs, and its used and idle connections. In this order, since those that it closes
  # in between must not be taken from those of an earlier process.
  all=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -cE ":?($REMOTE) 01 ")
  sessions=0 own=0
  for backend in $BACKENDS; do
    found=$(ask "show stat" | awk -F, -v b="$backend" -v s="$NAME" '$1 == b && $2 == s { print $5 }')
    sessions=$((sessions + ${found:-0}))
    found=$(ask "show servers conn" | awk -v s="$backend/$NAME" '
      $1 == "#" { for (i = 2; i <= NF; i++) at[$i] = i - 1 }
      $1 == s { print $at["used_cur"] + $at["idle_cur"] }')
    own=$((own + ${found:-0}))
  done
  old=$((all - own))
  [ "$old" -gt 0 ] || old=0
  [ "$sessions" -gt "$old" ] && echo "$sessions" || echo "$old"
}
end=$(($(now) + SECONDS_LEFT)) shown=
while :; do
  left=$(busy)
  [ "$left" = "$shown" ] || { shown=$left; echo "requests $left"; }
  [ "$left" = 0 ] && exit 0
  [ "$(now)" -ge "$end" ] && exit 3
  sleep 0.2
done"##;

/// An address and port as the kernel lists connections: the bytes of the address in the order of the machine.
fn remote(address: Ipv4Addr, port: u16) -> String {
    format!("{:08X}:{port:04X}", u32::from_le_bytes(address.octets()))
}

/// Removes a server: from the file, then from the proxy. A server that has connections left is only closed for new ones.
pub fn remove(edge: &Edge, name: &str, server: &Server) -> Script {
    let backends: Vec<String> =
        config::backends_of(edge, &server.service).into_iter().map(|(backend, _)| backend).collect();
    let env = [("CONFIG", config::render(edge)), ("BACKENDS", backends.join(" ")), ("NAME", name.to_owned())];
    script(REMOVE, env)
}

const REMOVE: &str = r#"put || exit
for backend in $BACKENDS; do
  for try in $(seq 50); do
    ask "set server $backend/$NAME state maint; del server $backend/$NAME" | grep -q 'still has' || break
    sleep 0.1
  done
done"#;

/// Prints the configuration that runs, what the proxy says of itself, and its counters.
pub fn look() -> Script {
    script("ask \"show env $DIGEST; show info; show stat\"", [])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An earlier process has one connection left, and the one that runs closes three while they are counted.
    const CLOSING: &str = r#"cat() { line=" X 01 "; [ -e closed ] || printf '%s\n' "$line" "$line" "$line"; echo "$line"; }
ask() {
  case $1 in "show servers conn") echo '# server used_cur idle_cur' ;; *) return ;; esac
  if [ -e closed ]; then echo 'api/one 0 0'; else echo 'api/one 0 3'; : >closed; fi
}
"#;

    #[test]
    fn connections_that_close_while_they_are_counted_hide_none_of_an_earlier_process() {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &[CLOSING, DRAIN].concat()]).current_dir(folder.path());
        shell.envs([("BACKENDS", "api"), ("NAME", "one"), ("REMOTE", "X"), ("SECONDS_LEFT", "1")]);
        let ended = shell.output().unwrap();
        assert_eq!(String::from_utf8_lossy(&ended.stdout), "requests 1\n");
        assert_eq!(ended.status.code(), Some(3), "it waits as long as it may");
    }

    #[test]
    fn connections_are_listed_in_the_byte_order_of_the_machine() {
        assert_eq!(remote(Ipv4Addr::new(172, 17, 0, 2), 8000), "020011AC:1F40");
    }
}
