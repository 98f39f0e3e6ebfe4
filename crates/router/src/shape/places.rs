//! Parts of paths that say something about a task, as data.

/// Parts of a path that say that a mistake there is dear. A part matches when it is one of these, or begins with one
/// that ends in `*`.
pub(super) const SENSITIVE_PARTS: &[&str] = &[
    "auth",
    "authn",
    "authz",
    "authentication",
    "authorization",
    "authorized_keys",
    "login",
    "logins",
    "signin",
    "sso",
    "oauth*",
    "saml",
    "session_store",
    "crypto",
    "cryptography",
    "security",
    "secure",
    "secret*",
    "credential*",
    "password*",
    "passwd",
    "permission*",
    "permissions",
    "acl",
    "rbac",
    "guard",
    "policy",
    "sandbox",
    "token_store",
    "jwt*",
    "tls",
    "ssl",
    "cert*",
    "keys",
    "keystore",
    "sudoers",
    "payment*",
    "billing",
    "checkout_payment",
    "invoice*",
    "audit",
    "admin",
    "firewall",
    "id_rsa",
    "csrf",
    "hmac",
    "signing",
    "bank*",
    "transfer*",
    "wallet*",
    "signup",
    "register*",
    "iam",
    "roles",
    "vault",
    "payroll",
    "webhook*",
    "limits",
    "ratelimit*",
    "throttle",
    "verif*",
    "signature*",
    "sig",
    "permis*",
    "approv*",
    "encrypt*",
    "decrypt*",
    "cipher*",
    "ledger*",
    "balance",
    "balances",
    "accounting",
    "npmrc",
    "netrc",
    "pypirc",
    "pgpass",
    "htpasswd",
    "dockercfg",
    "dockerconfigjson",
    "kubeconfig",
    "kube",
    "aws",
    "ssh",
    "gnupg",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "service-account*",
    "service_account*",
    "serviceaccount*",
    "codeowners",
    "owners",
    "maintainers",
];

/// Names of what people use now.
pub(super) const PRODUCTION: &[&str] = &["prod", "prd", "production"];

/// Endings of files that set something up: there an underscore divides names as a dash does.
pub(super) const SETTING_ENDINGS: &[&str] = &[
    "yaml",
    "yml",
    "json",
    "toml",
    "ini",
    "cfg",
    "conf",
    "properties",
    "xml",
    "sh",
    "hcl",
];

/// Endings of files that hold secrets or infrastructure.
pub(super) const SENSITIVE_ENDINGS: &[&str] = &[
    "env", "pem", "key", "p8", "p12", "pfx", "ppk", "jks", "kdbx", "gpg", "ovpn", "tf", "tfvars", "keystore",
    "rules",
];

/// Folders and files that build, deploy or change stores: mistakes show late.
pub(super) const GUARDED_PARTS: &[&str] = &[
    "deploy*",
    "infra",
    "terraform",
    "ansible",
    "k8s",
    "kubernetes",
    "helm",
    "workflows",
    "dockerfile",
    "jenkinsfile",
    "compose*",
    "ci",
];

/// Folders whose files change stores for good.
pub(super) const MIGRATION_PARTS: &[&str] = &["migration", "migrations", "migrate"];

/// Endings of prose: words in their names are not about code.
pub(super) const PROSE_ENDINGS: &[&str] = &["md", "txt", "rst", "adoc"];

/// Whether a part of a path is in a list.
pub(super) fn listed(part: &str, list: &[&str]) -> bool {
    list.iter().any(|entry| match entry.strip_suffix('*') {
        Some(prefix) => part.starts_with(prefix),
        None => part == *entry,
    })
}
