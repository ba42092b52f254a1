//! What may be written where, once variables are substituted: the Compose specification's schema as tables.

use crate::compose::load::syntax::shape::Shape::{
    self, Bool, Digits, Integer, List, Null, Number, Object, OneOf, Text,
};
use crate::compose::load::syntax::shape::{Extra, Keys, Table};

const TEXT: Shape = Text;
const TEXT_OR_NULL: Shape = OneOf(&[Text, Null]);
const BOOL: Shape = OneOf(&[Bool, Text]);
const NUMBER: Shape = OneOf(&[Number, Text]);
const INTEGER: Shape = OneOf(&[Integer, Text]);
const SCALAR: Shape = OneOf(&[Text, Number, Bool]);
const TEXTS: Shape = List(&Text);
const UNIQUE_TEXTS: Shape = Shape::Set(&Text);
const TEXT_OR_TEXTS: Shape = OneOf(&[Text, UNIQUE_TEXTS]);
const COMMAND: Shape = OneOf(&[Null, Text, TEXTS]);
const OPTIONS: Shape = Object(&Table::of_any_key(&OneOf(&[Text, Number])));
const LABELS: Shape =
    OneOf(&[Object(&Table::of_named_keys(&OneOf(&[Text, Number, Bool, Null]))), UNIQUE_TEXTS]);
const EXTRA_HOSTS: Shape = OneOf(&[Object(&Table::of_named_keys(&OneOf(&[Text, TEXTS]))), UNIQUE_TEXTS]);

/// A whole file, or several merged into one.
pub(crate) static PROJECT: Table = Table {
    keys: &[
        ("version", TEXT),
        ("name", TEXT),
        ("include", List(&OneOf(&[Text, Object(&INCLUDE)]))),
        ("services", Object(&Table::of_names(&Object(&SERVICE), Extra::Refused))),
        ("models", Object(&Table::of_names(&Object(&MODEL), Extra::Anything))),
        ("networks", Object(&Table::of_names(&OneOf(&[Object(&NETWORK), Null]), Extra::Anything))),
        ("volumes", Object(&Table::of_names(&OneOf(&[Object(&VOLUME), Null]), Extra::Refused))),
        ("secrets", Object(&Table::of_names(&Object(&SECRET), Extra::Refused))),
        ("configs", Object(&Table::of_names(&Object(&CONFIG), Extra::Refused))),
    ],
    ..Table::EXTENSIBLE
};

static INCLUDE: Table = Table {
    keys: &[("path", TEXT_OR_TEXTS), ("env_file", TEXT_OR_TEXTS), ("project_directory", TEXT)],
    ..Table::CLOSED
};

/// One service.
pub(crate) static SERVICE: Table = Table {
    keys: &[
        ("annotations", LABELS),
        ("attach", BOOL),
        ("blkio_config", Object(&BLKIO)),
        ("build", OneOf(&[Text, Object(&BUILD)])),
        ("cap_add", UNIQUE_TEXTS),
        ("cap_drop", UNIQUE_TEXTS),
        ("cgroup", Shape::Word(&["host", "private"])),
        ("cgroup_parent", TEXT),
        ("command", COMMAND),
        ("configs", FILE_REFERENCES),
        (
            "container_name",
            Shape::Matching(container_name, "letters, digits, `_`, `.` and `-`, at least two"),
        ),
        ("cpu_count", OneOf(&[Text, Shape::Range(0, i64::MAX)])),
        ("cpu_percent", OneOf(&[Text, Shape::Range(0, 100)])),
        ("cpu_period", NUMBER),
        ("cpu_quota", NUMBER),
        ("cpu_rt_period", NUMBER),
        ("cpu_rt_runtime", NUMBER),
        ("cpu_shares", NUMBER),
        ("cpus", NUMBER),
        ("cpuset", TEXT),
        ("credential_spec", Object(&CREDENTIAL_SPEC)),
        (
            "depends_on",
            OneOf(&[UNIQUE_TEXTS, Object(&Table::of_names(&Object(&DEPENDENCY), Extra::Refused))]),
        ),
        ("deploy", OneOf(&[Object(&DEPLOY), Null])),
        ("develop", OneOf(&[Object(&DEVELOP), Null])),
        ("device_cgroup_rules", UNIQUE_TEXTS),
        ("devices", List(&OneOf(&[Text, Object(&DEVICE)]))),
        ("dns", TEXT_OR_TEXTS),
        ("dns_opt", UNIQUE_TEXTS),
        ("dns_search", TEXT_OR_TEXTS),
        ("domainname", TEXT),
        ("entrypoint", COMMAND),
        ("env_file", OneOf(&[Text, List(&OneOf(&[Text, Object(&ENV_FILE)]))])),
        ("environment", LABELS),
        ("expose", Shape::Set(&OneOf(&[Text, Digits]))),
        ("extends", OneOf(&[Text, Object(&EXTENDS)])),
        ("external_links", UNIQUE_TEXTS),
        ("extra_hosts", EXTRA_HOSTS),
        ("gpus", OneOf(&[Shape::Word(&["all"]), List(&Object(&GPU))])),
        ("group_add", Shape::Set(&OneOf(&[Text, Digits]))),
        ("healthcheck", Object(&HEALTHCHECK)),
        ("hostname", TEXT),
        ("image", TEXT),
        ("init", BOOL),
        ("ipc", TEXT),
        ("isolation", TEXT),
        ("label_file", OneOf(&[Text, TEXTS])),
        ("labels", LABELS),
        ("links", UNIQUE_TEXTS),
        ("logging", Object(&LOGGING)),
        ("mac_address", TEXT),
        ("mem_limit", NUMBER),
        ("mem_reservation", INTEGER),
        ("mem_swappiness", INTEGER),
        ("memswap_limit", NUMBER),
        (
            "models",
            OneOf(&[
                UNIQUE_TEXTS,
                Object(&Table::of_names(&OneOf(&[Object(&MODEL_REFERENCE), Null]), Extra::Anything)),
            ]),
        ),
        ("network_mode", TEXT),
        (
            "networks",
            OneOf(&[
                UNIQUE_TEXTS,
                Object(&Table::of_names(&OneOf(&[Object(&ATTACHMENT), Null]), Extra::Refused)),
            ]),
        ),
        ("oom_kill_disable", BOOL),
        ("oom_score_adj", OneOf(&[Text, Shape::Range(-1000, 1000)])),
        ("pid", TEXT_OR_NULL),
        ("pids_limit", NUMBER),
        ("platform", TEXT),
        ("ports", List(&OneOf(&[Number, Text, Object(&PORT)]))),
        ("post_start", List(&Object(&HOOK))),
        ("pre_start", List(&Object(&PRE_START))),
        ("pre_stop", List(&Object(&HOOK))),
        ("privileged", BOOL),
        ("profiles", UNIQUE_TEXTS),
        ("provider", Object(&PROVIDER)),
        (
            "pull_policy",
            Shape::Matching(
                pull_policy,
                "`always`, `never`, `missing`, `build`, `daily`, `weekly`, or like `every_12h`",
            ),
        ),
        ("pull_refresh_after", TEXT),
        ("read_only", BOOL),
        ("restart", TEXT),
        ("runtime", TEXT),
        ("scale", INTEGER),
        ("secrets", FILE_REFERENCES),
        ("security_opt", UNIQUE_TEXTS),
        ("shm_size", NUMBER),
        ("stdin_open", BOOL),
        ("stop_grace_period", TEXT),
        ("stop_signal", TEXT),
        ("storage_opt", Object(&Table::of_any_key(&OneOf(&[Text, Digits, Null])))),
        ("sysctls", LABELS),
        ("tmpfs", TEXT_OR_TEXTS),
        ("tty", BOOL),
        ("ulimits", ULIMITS),
        ("use_api_socket", Bool),
        ("user", TEXT),
        ("userns_mode", TEXT),
        ("uts", TEXT),
        ("volumes", List(&OneOf(&[Text, Object(&MOUNT)]))),
        ("volumes_from", UNIQUE_TEXTS),
        ("working_dir", TEXT),
    ],
    ..Table::EXTENSIBLE
};

static BUILD: Table = Table {
    keys: &[
        ("additional_contexts", LABELS),
        ("args", LABELS),
        ("cache_from", TEXTS),
        ("cache_to", TEXTS),
        ("context", TEXT),
        ("dockerfile", TEXT),
        ("dockerfile_inline", TEXT),
        ("entitlements", TEXTS),
        ("extra_hosts", EXTRA_HOSTS),
        ("isolation", TEXT),
        ("labels", LABELS),
        ("network", TEXT),
        ("no_cache", BOOL),
        ("no_cache_filter", TEXT_OR_TEXTS),
        ("platforms", TEXTS),
        ("privileged", BOOL),
        ("provenance", BOOL),
        ("pull", BOOL),
        ("sbom", BOOL),
        ("secrets", FILE_REFERENCES),
        ("shm_size", INTEGER),
        ("ssh", LABELS),
        ("tags", TEXTS),
        ("target", TEXT),
        ("ulimits", ULIMITS),
    ],
    ..Table::EXTENSIBLE
};

static BLKIO: Table = Table {
    keys: &[
        ("device_read_bps", List(&Object(&BLKIO_LIMIT))),
        ("device_read_iops", List(&Object(&BLKIO_LIMIT))),
        ("device_write_bps", List(&Object(&BLKIO_LIMIT))),
        ("device_write_iops", List(&Object(&BLKIO_LIMIT))),
        ("weight", INTEGER),
        ("weight_device", List(&Object(&BLKIO_WEIGHT))),
    ],
    ..Table::CLOSED
};
static BLKIO_LIMIT: Table = Table { keys: &[("path", TEXT), ("rate", INTEGER)], ..Table::CLOSED };
static BLKIO_WEIGHT: Table = Table { keys: &[("path", TEXT), ("weight", INTEGER)], ..Table::CLOSED };

static CREDENTIAL_SPEC: Table =
    Table { keys: &[("config", TEXT), ("file", TEXT), ("registry", TEXT)], ..Table::EXTENSIBLE };

static DEPENDENCY: Table = Table {
    keys: &[
        ("condition", Shape::Word(&["service_started", "service_healthy", "service_completed_successfully"])),
        ("required", Bool),
        ("restart", BOOL),
    ],
    required: &["condition"],
    ..Table::EXTENSIBLE
};

static DEVICE: Table = Table {
    keys: &[("source", TEXT), ("target", TEXT), ("permissions", TEXT)],
    required: &["source"],
    ..Table::EXTENSIBLE
};

static ENV_FILE: Table = Table {
    keys: &[("path", TEXT), ("format", TEXT), ("required", BOOL)],
    required: &["path"],
    ..Table::CLOSED
};

static EXTENDS: Table =
    Table { keys: &[("service", TEXT), ("file", TEXT)], required: &["service"], ..Table::CLOSED };

/// Open, since the specification does not close it; `dropped` reports what is lost.
pub(crate) static GPU: Table = Table { keys: GPU_KEYS, extra: Extra::Anything, ..Table::EXTENSIBLE };
static DEVICE_REQUEST: Table = Table { keys: GPU_KEYS, required: &["capabilities"], ..Table::EXTENSIBLE };
const GPU_KEYS: Keys = &[
    ("capabilities", UNIQUE_TEXTS),
    ("count", INTEGER),
    ("device_ids", UNIQUE_TEXTS),
    ("driver", TEXT),
    ("options", LABELS),
];

static HEALTHCHECK: Table = Table {
    keys: &[
        ("disable", BOOL),
        ("interval", TEXT),
        ("retries", NUMBER),
        ("start_interval", TEXT),
        ("start_period", TEXT),
        ("test", OneOf(&[Text, TEXTS])),
        ("timeout", TEXT),
    ],
    ..Table::EXTENSIBLE
};

static LOGGING: Table = Table {
    keys: &[("driver", TEXT), ("options", Object(&Table::of_any_key(&OneOf(&[Text, Number, Null]))))],
    ..Table::EXTENSIBLE
};

static MODEL_REFERENCE: Table =
    Table { keys: &[("endpoint_var", TEXT), ("model_var", TEXT)], ..Table::EXTENSIBLE };

static ATTACHMENT: Table = Table {
    keys: &[
        ("aliases", UNIQUE_TEXTS),
        ("driver_opts", OPTIONS),
        ("gw_priority", Number),
        ("interface_name", TEXT),
        ("ipv4_address", TEXT),
        ("ipv6_address", TEXT),
        ("link_local_ips", UNIQUE_TEXTS),
        ("mac_address", TEXT),
        ("priority", Number),
    ],
    ..Table::EXTENSIBLE
};

static PORT: Table = Table {
    keys: &[
        ("app_protocol", TEXT),
        ("host_ip", TEXT),
        ("mode", TEXT),
        ("name", TEXT),
        ("protocol", TEXT),
        ("published", INTEGER),
        ("target", INTEGER),
    ],
    ..Table::EXTENSIBLE
};

static HOOK: Table = Table { keys: HOOK_KEYS, required: &["command"], ..Table::EXTENSIBLE };
const HOOK_KEYS: Keys = &[
    ("command", COMMAND),
    ("environment", LABELS),
    ("privileged", BOOL),
    ("user", TEXT),
    ("working_dir", TEXT),
];
/// Known to docker compose from 5.3 on.
static PRE_START: Table = Table {
    keys: &[
        ("command", COMMAND),
        ("environment", LABELS),
        ("image", TEXT),
        ("per_replica", BOOL),
        ("privileged", BOOL),
        ("user", TEXT),
        ("working_dir", TEXT),
    ],
    ..Table::EXTENSIBLE
};

static PROVIDER: Table = Table {
    keys: &[("options", Object(&Table::of_any_key(&OneOf(&[SCALAR, List(&SCALAR)])))), ("type", TEXT)],
    required: &["type"],
    ..Table::EXTENSIBLE
};

static MOUNT: Table = Table {
    keys: &[
        ("bind", Object(&BIND)),
        ("consistency", TEXT),
        ("image", Object(&Table { keys: &[("subpath", TEXT)], ..Table::EXTENSIBLE })),
        ("read_only", BOOL),
        ("source", TEXT),
        ("target", TEXT),
        (
            "tmpfs",
            Object(&Table {
                keys: &[("mode", NUMBER), ("size", OneOf(&[Shape::Range(0, i64::MAX), Text]))],
                ..Table::EXTENSIBLE
            }),
        ),
        ("type", Shape::Word(&["bind", "volume", "tmpfs", "cluster", "npipe", "image"])),
        (
            "volume",
            Object(&Table {
                keys: &[("labels", LABELS), ("nocopy", BOOL), ("subpath", TEXT)],
                ..Table::EXTENSIBLE
            }),
        ),
    ],
    required: &["type"],
    ..Table::EXTENSIBLE
};
static BIND: Table = Table {
    keys: &[
        ("create_host_path", BOOL),
        ("propagation", TEXT),
        ("recursive", Shape::Word(&["enabled", "disabled", "writable", "readonly"])),
        ("selinux", Shape::Word(&["z", "Z"])),
    ],
    ..Table::EXTENSIBLE
};

const FILE_REFERENCES: Shape = List(&OneOf(&[Text, Object(&FILE_REFERENCE)]));
static FILE_REFERENCE: Table = Table {
    keys: &[("gid", TEXT), ("mode", NUMBER), ("source", TEXT), ("target", TEXT), ("uid", TEXT)],
    ..Table::EXTENSIBLE
};

const ULIMITS: Shape = Object(&Table {
    names: Some((ulimit_name, &OneOf(&[Integer, Text, Object(&ULIMIT)]))),
    extra: Extra::Anything,
    ..Table::CLOSED
});
static ULIMIT: Table =
    Table { keys: &[("hard", INTEGER), ("soft", INTEGER)], required: &["soft", "hard"], ..Table::EXTENSIBLE };

static DEVELOP: Table = Table { keys: &[("watch", List(&Object(&TRIGGER)))], ..Table::EXTENSIBLE };
static TRIGGER: Table = Table {
    keys: &[
        ("action", Shape::Word(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"])),
        ("exec", Object(&HOOK)),
        ("ignore", TEXT_OR_TEXTS),
        ("include", TEXT_OR_TEXTS),
        ("initial_sync", Bool),
        ("path", TEXT),
        ("target", TEXT),
    ],
    required: &["path", "action"],
    ..Table::EXTENSIBLE
};

static DEPLOY: Table = Table {
    keys: &[
        ("endpoint_mode", TEXT),
        ("labels", LABELS),
        ("mode", TEXT),
        ("placement", Object(&PLACEMENT)),
        ("replicas", INTEGER),
        ("resources", Object(&RESOURCES)),
        ("restart_policy", Object(&RESTART_POLICY)),
        ("rollback_config", Object(&UPDATE_CONFIG)),
        ("update_config", Object(&UPDATE_CONFIG)),
    ],
    ..Table::EXTENSIBLE
};
static PLACEMENT: Table = Table {
    keys: &[
        ("constraints", TEXTS),
        ("max_replicas_per_node", INTEGER),
        ("preferences", List(&Object(&Table { keys: &[("spread", TEXT)], ..Table::EXTENSIBLE }))),
    ],
    ..Table::EXTENSIBLE
};
static RESTART_POLICY: Table = Table {
    keys: &[("condition", TEXT), ("delay", TEXT), ("max_attempts", INTEGER), ("window", TEXT)],
    ..Table::EXTENSIBLE
};
static UPDATE_CONFIG: Table = Table {
    keys: &[
        ("delay", TEXT),
        ("failure_action", TEXT),
        ("max_failure_ratio", NUMBER),
        ("monitor", TEXT),
        ("order", Shape::Word(&["start-first", "stop-first"])),
        ("parallelism", INTEGER),
    ],
    ..Table::EXTENSIBLE
};
static RESOURCES: Table = Table {
    keys: &[
        (
            "limits",
            Object(&Table {
                keys: &[("cpus", NUMBER), ("memory", TEXT), ("pids", INTEGER)],
                ..Table::EXTENSIBLE
            }),
        ),
        (
            "reservations",
            Object(&Table {
                keys: &[
                    ("cpus", NUMBER),
                    ("devices", List(&Object(&DEVICE_REQUEST))),
                    ("generic_resources", List(&Object(&GENERIC_RESOURCE))),
                    ("memory", TEXT),
                ],
                ..Table::EXTENSIBLE
            }),
        ),
    ],
    ..Table::EXTENSIBLE
};
static GENERIC_RESOURCE: Table = Table {
    keys: &[(
        "discrete_resource_spec",
        Object(&Table { keys: &[("kind", TEXT), ("value", NUMBER)], ..Table::EXTENSIBLE }),
    )],
    ..Table::EXTENSIBLE
};

static MODEL: Table = Table {
    keys: &[("context_size", Integer), ("model", TEXT), ("name", TEXT), ("runtime_flags", TEXTS)],
    required: &["model"],
    ..Table::EXTENSIBLE
};

static NETWORK: Table = Table {
    keys: &[
        ("attachable", BOOL),
        ("driver", TEXT),
        ("driver_opts", OPTIONS),
        ("enable_ipv4", BOOL),
        ("enable_ipv6", BOOL),
        ("external", EXTERNAL),
        ("internal", BOOL),
        ("ipam", Object(&IPAM)),
        ("labels", LABELS),
        ("name", TEXT),
    ],
    ..Table::EXTENSIBLE
};
static IPAM: Table = Table {
    keys: &[
        ("config", List(&Object(&IPAM_POOL))),
        ("driver", TEXT),
        ("options", Object(&Table::of_named_keys(&Text))),
    ],
    ..Table::EXTENSIBLE
};
static IPAM_POOL: Table = Table {
    keys: &[
        ("aux_addresses", Object(&Table::of_named_keys(&Text))),
        ("gateway", TEXT),
        ("ip_range", TEXT),
        ("subnet", TEXT),
    ],
    ..Table::EXTENSIBLE
};
const EXTERNAL: Shape = OneOf(&[Bool, Text, Object(&EXTERNAL_OBJECT)]);
/// The old way to name a network or volume that exists.
pub(crate) static EXTERNAL_OBJECT: Table = Table { keys: &[("name", TEXT)], ..Table::EXTENSIBLE };

static VOLUME: Table = Table {
    keys: &[
        ("driver", TEXT),
        ("driver_opts", OPTIONS),
        ("external", EXTERNAL),
        ("labels", LABELS),
        ("name", TEXT),
    ],
    ..Table::EXTENSIBLE
};

/// The object form of `external` is open here: the specification does not close it for secrets and configs.
const FILE_EXTERNAL: Shape =
    OneOf(&[Bool, Text, Object(&Table { keys: &[("name", TEXT)], extra: Extra::Anything, ..Table::CLOSED })]);

static SECRET: Table = Table {
    keys: &[
        ("driver", TEXT),
        ("driver_opts", OPTIONS),
        ("environment", TEXT),
        ("external", FILE_EXTERNAL),
        ("file", TEXT),
        ("labels", LABELS),
        ("name", TEXT),
        ("template_driver", TEXT),
    ],
    ..Table::EXTENSIBLE
};

static CONFIG: Table = Table {
    keys: &[
        ("content", TEXT),
        ("environment", TEXT),
        ("external", FILE_EXTERNAL),
        ("file", TEXT),
        ("labels", LABELS),
        ("name", TEXT),
        ("template_driver", TEXT),
    ],
    ..Table::EXTENSIBLE
};

/// Two such characters in a row anywhere are enough, as in the specification's unanchored pattern.
fn container_name(text: &str) -> bool {
    let follows = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    text.as_bytes().windows(2).any(|pair| pair[0].is_ascii_alphanumeric() && follows(pair[1]))
}

/// One of the words anywhere is enough, as in the specification's unanchored pattern.
fn pull_policy(text: &str) -> bool {
    const WORDS: [&str; 8] =
        ["always", "never", "build", "if_not_present", "missing", "refresh", "daily", "weekly"];
    let every = |rest: &str| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        digits > 0 && rest[digits..].starts_with(['w', 'd', 'h', 'm', 's'])
    };
    WORDS.iter().any(|word| text.contains(word))
        || text.match_indices("every_").any(|(at, found)| every(&text[at + found.len()..]))
}

fn ulimit_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase())
}
