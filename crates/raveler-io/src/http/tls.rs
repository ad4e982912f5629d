//! TLS: whose certificates are trusted, and what was wrong with one that is not.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::error::HttpError;
use super::options::Verify;

/// Returns the configuration that `verify` describes; reads the system's certificates, which takes some milliseconds.
pub(crate) fn config(verify: &Verify, http2: bool) -> Result<ClientConfig, HttpError> {
    let provider = Arc::new(ring::default_provider());
    let bad = |reason: String| HttpError::BadOption { option: "verify", reason };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(error.to_string()))?;
    let mut config = match verify {
        Verify::Yes => {
            let system = rustls_platform_verifier::Verifier::new(provider).map_err(|error| {
                bad(format!(
                    "the system's certificates can't be used ({error}); name a bundle, or install ca-certificates"
                ))
            })?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(system)).with_no_client_auth()
        }
        Verify::No => {
            let anybody = Arc::new(Anybody(provider));
            builder.dangerous().with_custom_certificate_verifier(anybody).with_no_client_auth()
        }
        Verify::Bundle(path) => {
            let unusable = |reason: &dyn std::fmt::Display| {
                bad(format!("the bundle {} can't be used ({reason}); name a PEM file of certificates", path.display()))
            };
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(&error))? {
                let certificate = certificate.map_err(|error| unusable(&error))?;
                roots.add(certificate).map_err(|error| unusable(&error))?;
            }
            if roots.is_empty() {
                return Err(unusable(&"it holds no certificate"));
            }
            builder.with_root_certificates(roots).with_no_client_auth()
        }
    };
    if http2 {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    }
    Ok(config)
}

/// Returns what `error` says about the handshake with `host`.
pub(super) fn refused(host: &str, error: &std::io::Error) -> HttpError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let reason = match inner {
        Some(rustls::Error::InvalidCertificate(what)) => certificate(what),
        Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => {
            "it does not answer with TLS; request it with http:// if that is meant".to_owned()
        }
        Some(other) => format!("{other}; check that it is the server you mean"),
        None => format!("it ended the handshake ({error}); try again, or check that the port speaks TLS"),
    };
    HttpError::Tls { host: host.to_owned(), reason, is_transient: inner.is_none() }
}

fn certificate(what: &CertificateError) -> String {
    let trust = "give verify= its authority's PEM file if you trust it";
    match what {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired; the server must renew it (or this machine's clock is wrong)".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; check this machine's clock".to_owned()
        }
        CertificateError::NotValidForName => {
            "its certificate is for another name; request it by the name in the certificate".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } => format!(
            "its certificate is for another name ({}); request it by a name in the certificate",
            presented.join(", ")
        ),
        CertificateError::UnknownIssuer => format!("nobody known has signed its certificate; {trust}"),
        CertificateError::Revoked => "its certificate was revoked; don't trust it".to_owned(),
        other => format!("its certificate is not acceptable ({other}); {trust}"),
    }
}

/// Accepts every certificate, yet still checks that the server holds its key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
