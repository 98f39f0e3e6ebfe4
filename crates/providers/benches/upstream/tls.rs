//! Certificates for one run: a root that only this run trusts, an authority below it, and the server's own, as a public
//! server has them.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

/// The folder with the files of this run; its name is in the environment of all processes that measure.
const FOLDER: &str = "BRISK_UPSTREAM_TLS";

fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// Runs this program again, as one that trusts the new root; `None` if it is that one already.
///
/// The client reads its authorities as it always does. So the variable for them must be there when it begins.
pub(crate) fn trusting() -> Option<ExitCode> {
    if folder().is_some() {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let status = Command::new(std::env::current_exe().unwrap())
        .args(std::env::args_os().skip(1))
        .env(FOLDER, folder.path())
        .env("SSL_CERT_FILE", folder.path().join("root.pem"))
        .env_remove("SSL_CERT_DIR")
        .status()
        .unwrap();
    Some(ExitCode::from(u8::from(!status.success())))
}

fn authority(name: &str) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    (params, KeyPair::generate().unwrap())
}

fn write(folder: &Path) {
    let (root, root_key) = authority("root of one measurement");
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let root = Issuer::new(root, root_key);
    let (below, below_key) = authority("authority of one measurement");
    let below_pem = below.signed_by(&below_key, &root).unwrap().pem();
    let below = Issuer::new(below, below_key);
    let own_key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let own_pem = own.signed_by(&own_key, &below).unwrap().pem();
    for (name, pem) in [
        ("root.pem", root_pem),
        ("chain.pem", own_pem + &below_pem),
        ("key.pem", own_key.serialize_pem()),
    ] {
        std::fs::write(folder.join(name), pem).unwrap();
    }
}

/// TLS as a public server speaks it: 1.3, sessions that can be resumed.
pub(crate) fn server() -> Arc<ServerConfig> {
    let folder = folder().unwrap();
    let chain = CertificateDer::pem_file_iter(folder.join("chain.pem"))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(config)
}
