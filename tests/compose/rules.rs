//! Which cases test which rule of docker compose's loader: these must fail when the rule is changed. A rule without a case, and a
//! case without a rule, fail here.

use std::collections::BTreeSet;

use crate::support::Case;

/// A rule, and its cases; a `*` at the end of a name means all with this beginning.
const RULES: [(&str, &[&str]); 73] = [
    ("documents of one file merge as files do", &["yaml-documents-merge"]),
    ("variables stand in values, never in keys", &["interpolation-not-in-keys"]),
    (
        "forms of references, nested, first operator wins",
        &["interpolation-forms", "interpolation-lowercase-names"],
    ),
    (
        "what is no reference is an error or stays",
        &["interpolation-invalid-*", "interpolation-default-with-newline"],
    ),
    ("a required variable ends the run", &["interpolation-required", "interpolation-required-empty"]),
    ("extensions are interpolated", &["interpolation-in-extensions"]),
    ("what is printed doubles its `$`", &["dollar-is-doubled"]),
    ("text becomes number or boolean where one is wanted", &["cast-*"]),
    ("grammar of .env and env_file", &["env-file-grammar", "env-file-invalid-*", "dotenv-broken"]),
    ("quirks of env files are kept", &["env-file-junk-behind-quote", "env-file-key-without-line-end"]),
    ("the raw format", &["env-file-raw", "env-file-raw-space", "env-file-unknown-format"]),
    (
        "env files: order, missing, optional",
        &["env-file-order", "env-file-refers-to-itself", "env-file-missing", "env-file-optional"],
    ),
    ("an env file sees the service's environment", &["env-file-sees-service-environment"]),
    (
        "the environment wins over --env-file over .env",
        &["dotenv-environment-wins", "dotenv-named-files", "dotenv-default"],
    ),
    ("a named env file must be there", &["dotenv-named-file-missing"]),
    ("COMPOSE_DISABLE_ENV_FILE", &["dotenv-disabled"]),
    (
        "COMPOSE_* in .env count",
        &["dotenv-compose-variables", "compose-file-variable", "compose-path-separator"],
    ),
    ("a key without a value inherits", &["environment-inherits", "environment-map-inherits"]),
    ("discovery and overrides", &["discovery-override", "discovery-prefers-compose-yaml", "file-missing"]),
    ("the project's name", &["name-*"]),
    ("later scalars win, null keeps", &["merge-null-keeps", "merge-empty-service"]),
    ("lists add up and lose duplicates", &["merge-lists", "merge-labels"]),
    ("command, entrypoint and test are replaced", &["merge-commands"]),
    ("logging is replaced where drivers differ", &["merge-logging-*"]),
    ("short and long forms merge as mappings", &["merge-build-forms", "merge-depends-on*", "merge-networks"]),
    (
        "KEY=VALUE lists and mappings merge",
        &["merge-environment-forms", "merge-sysctls-and-args", "merge-env-file"],
    ),
    ("extra_hosts add up without repetition", &["merge-extra-hosts"]),
    ("ipam pools merge by subnet", &["merge-ipam"]),
    ("ports are one by address, port and protocol", &["merge-ports", "merge-ports-number-published"]),
    ("mounts and files are one by target", &["merge-volumes-by-target", "merge-secrets-by-target"]),
    ("what docker compose 2 cannot merge", &["merge-ulimits-partial", "merge-security-opt-repeated"]),
    ("kinds that cannot be merged", &["merge-type-conflict"]),
    (
        "!reset and !override",
        &["reset", "reset-service", "reset-in-anchor", "reset-below-list", "reset-extra-host", "override"],
    ),
    (
        "extends: same file, other file, paths, override",
        &["extends-same-file", "extends-other-file", "extends-override", "extends-keeps-depends-on"],
    ),
    (
        "extends: reset, base without image, circles, nothing there",
        &[
            "extends-reset",
            "extends-base-without-image",
            "extends-cycle",
            "extends-missing-file",
            "extends-unknown-service",
        ],
    ),
    (
        "include: short, long, nested, missing, circles",
        &["include", "include-long", "include-nested", "include-missing", "include-cycle"],
    ),
    (
        "include: environments, conflicts, secrets",
        &[
            "include-parent-environment-wins",
            "include-conflict",
            "include-same-resource-twice",
            "include-secret-environment",
        ],
    ),
    ("profiles", &["profiles-*"]),
    (
        "anchors, merge keys, duplicate keys",
        &["yaml-anchors-and-merge-keys", "yaml-duplicate-*", "yaml-unknown-alias"],
    ),
    ("x-* keys, and where they are not free", &["schema-extension-keys", "extension-empty-list"]),
    (
        "what plain scalars mean",
        &[
            "yaml-scalars",
            "yaml-large-numbers",
            "float-forms",
            "yaml-date*",
            "yaml-quoted-date",
            "yaml-str-tag",
            "yaml-custom-tag",
        ],
    ),
    ("texts of several lines, byte order marks, line ends", &["yaml-block-scalar*", "yaml-bom-and-crlf"]),
    (
        "documents that are none",
        &["yaml-empty-file", "yaml-list-file", "yaml-syntax-error", "yaml-number-as-key", "yaml-alias-cycle"],
    ),
    ("relative paths start at the project's folder", &["project-directory", "volumes-short", "volumes-long"]),
    ("a volume's device is a path where it is bound", &["volume-driver-opts-bind"]),
    ("command lines are split, and what follows an operator is lost", &["commands", "command-invalid-*"]),
    ("short ports", &["ports-*"]),
    ("short and long mounts", &["volumes-*"]),
    ("devices and requests for devices", &["device*", "gpus-*"]),
    ("healthchecks", &["healthcheck-*"]),
    ("durations and sizes", &["durations", "duration-invalid-*", "sizes", "size-*"]),
    ("secrets and configs", &["secrets-and-configs", "label-file*"]),
    ("names, builds and dependencies that nobody wrote", &["normalize-*"]),
    ("the default network", &["network-default-*", "networks-empty-map"]),
    ("scale and replicas are one", &["scale-and-replicas"]),
    (
        "every key of a service",
        &["every-service-key", "pull-policies", "models*", "provider", "extra-hosts*"],
    ),
    ("kinds, words, bounds, known and required keys", &["schema-*"]),
    ("rules between the parts", &["consistency-*"]),
    ("list entries that a variable left empty", &["list-empty-entry"]),
    ("JSON is safe in HTML", &["html-is-escaped"]),
    (
        "lists of texts where something else is meant",
        &[
            "additional-contexts-without-equals",
            "ssh-without-equals",
            "environment-space-before-equals",
            "command-list-number",
        ],
    ),
    ("watched paths lose their symbolic links, mounts keep them", &["paths-watch-symlink"]),
    ("ulimits merge", &["merge-ulimits"]),
    ("numbers that do not fit", &["number-too-large"]),
    ("version is ignored, x-sofa is not", &["version-is-ignored", "x-sofa", "x-sofa-unknown-key"]),
    (
        "keys that only docker compose 5 knows",
        &[
            "pre-start",
            "pre-start-inherits",
            "pre-start-env-files",
            "no-cache-filter",
            "ipam-options",
            "pull-refresh-after",
        ],
    ),
    ("a later env file sees the values of earlier ones, after its own lines", &["dotenv-layered-*"]),
    (
        "env files of an include and of a service are layered the same way",
        &["include-layered-env-files", "env-file-layered"],
    ),
    ("label files see the labels of earlier ones first", &["label-file-layered"]),
    ("PWD is the working directory, and the environment's wins", &["pwd-*"]),
    ("texts in other encodings", &["utf16-*", "utf8-byte-order-mark", "env-file-latin-1"]),
    ("a dash alone is text", &["command-dash"]),
    (
        "what one docker compose or `sofa` alone accepts",
        &[
            "compose-file-variable-empty",
            "compose-file-variable-ends-in-a-separator",
            "env-file-raw-long-line",
            "environment-reset-null-over-two-files",
            "escaped-slash",
            "healthcheck-negative-interval",
            "healthcheck-start-interval-alone",
            "merge-key-resets-configs-of-extends",
            "number-beyond-64-bits",
            "port-of-an-address-without-brackets",
            "tagged-bool",
            "tmpfs-mode-as-text",
            "volume-of-one-letter",
            "yaml-directive-1-2",
        ],
    ),
];

#[test]
fn every_rule_has_a_case_and_every_case_a_rule() {
    let names: BTreeSet<String> = Case::all().iter().map(Case::name).collect();
    let mut claimed = BTreeSet::new();
    for (rule, cases) in RULES {
        for case in cases {
            let fits = |name: &&String| match case.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == case,
            };
            let found: Vec<&String> = names.iter().filter(fits).collect();
            assert!(!found.is_empty(), "«{rule}» names case {case}, which is not there");
            claimed.extend(found);
        }
    }
    let others: Vec<&String> = names.iter().filter(|name| !claimed.contains(name)).collect();
    assert_eq!(others, [] as [&String; 0], "cases that no rule claims");
}
