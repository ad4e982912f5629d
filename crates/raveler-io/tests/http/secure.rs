//! TLS and proxies: whom a client trusts, and which way it takes.

use std::path::PathBuf;
use std::sync::Arc;

use raveler_io::http::{Client, ClientOptions, HttpError, ProxyChoice, Request, Verify, Version};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::server::{After, Asked, reply, run, serve};

/// A certificate authority whose certificate is in a file.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    bundle: PathBuf,
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.bundle);
    }
}

impl Authority {
    fn new(test: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("there is entropy");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("the parameters are valid");
        let bundle = std::env::temp_dir().join(format!("raveler-ca-{test}-{}.pem", std::process::id()));
        std::fs::write(&bundle, issuer.pem()).expect("the folder is writable");
        Self { issuer, bundle }
    }

    /// A server that answers "secret" over TLS, with a certificate for `name`.
    async fn serve(&self, name: &str, is_expired: bool) -> (u16, Asked) {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        if is_expired {
            params.not_before = rcgen::date_time_ymd(2000, 1, 1);
            params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        }
        let key = KeyPair::generate().expect("there is entropy");
        let certificate = params.signed_by(&key, &self.issuer).expect("the authority can sign");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("ring has all");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config =
            config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).expect("they match");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let asked = Asked::default();
        let handle = tokio::runtime::Handle::current();
        let noted = asked.clone();
        handle.clone().spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, noted) = (acceptor.clone(), noted.clone());
                handle.spawn(async move {
                    let Ok(mut socket) = acceptor.accept(socket).await else { return };
                    let mut buffer = [0; 4096];
                    while let Ok(got) = socket.read(&mut buffer).await
                        && got > 0
                    {
                        noted.note(String::from_utf8_lossy(&buffer[..got]).into_owned());
                        let _ = socket.write_all(&reply("200 OK", &[], b"secret")).await;
                    }
                });
            }
        });
        (port, asked)
    }

    fn client(&self) -> Client {
        trusting(Verify::Bundle(self.bundle.clone()))
    }
}

fn trusting(verify: Verify) -> Client {
    let options = ClientOptions { verify, proxy: ProxyChoice::None, ..ClientOptions::default() };
    Client::new(options).expect("the options are valid")
}

fn refusal(error: &HttpError) -> String {
    assert!(matches!(error, HttpError::Tls { .. }), "{error:?}");
    assert!(!error.is_transient());
    error.to_string()
}

#[test]
fn an_authority_of_the_callers_choice_is_trusted() {
    run(async {
        let authority = Authority::new("own");
        let (port, _) = authority.serve("localhost", false).await;
        let request = Request::get(format!("https://localhost:{port}/"));
        let client = authority.client();
        for _ in 0..2 {
            let answer = client.send(&request).await.expect("it is trusted");
            assert_eq!((answer.version, answer.into_bytes()), (Version::HTTP_11, "secret".into()));
        }
        let error = trusting(Verify::Yes).send(&request).await.expect_err("the system does not know it");
        assert!(refusal(&error).contains("nobody known has signed"));
        assert_eq!(trusting(Verify::No).send(&request).await.expect("anybody will do").status, 200);
    });
}

#[test]
fn a_wrong_name_and_an_expired_certificate_are_refused() {
    run(async {
        let authority = Authority::new("refused");
        let (port, asked) = authority.serve("other.example", false).await;
        let request = Request::get(format!("https://localhost:{port}/"));
        let error = refusal(&authority.client().send(&request).await.expect_err("another name"));
        assert!(error.contains("another name") && error.contains("other.example"), "{error}");
        assert_eq!(asked.len(), 0);
        let (port, asked) = authority.serve("localhost", true).await;
        let request = Request::get(format!("https://localhost:{port}/"));
        let error = refusal(&authority.client().send(&request).await.expect_err("expired"));
        assert!(error.contains("expired"), "{error}");
        assert_eq!(asked.len(), 0);
    });
}

#[test]
fn a_port_without_tls_is_told() {
    run(async {
        let server = serve(|_, _| (reply("400 Bad Request", &[], b""), After::Close)).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        tokio::runtime::Handle::current().spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
        });
        let error = trusting(Verify::No).send(&Request::get(format!("https://127.0.0.1:{port}/"))).await;
        assert!(refusal(&error.expect_err("no TLS")).contains("http://"));
        assert_eq!(server.asked.len(), 0);
    });
}

#[test]
fn a_bundle_that_is_none_is_told() {
    run(async {
        let client = trusting(Verify::Bundle(PathBuf::from("/nowhere/ca.pem")));
        let server = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let url = format!("https://{}/", server.local_addr().expect("it is bound"));
        let error = client.send(&Request::get(url)).await.expect_err("there is no bundle");
        assert!(matches!(error, HttpError::BadOption { option: "verify", .. }), "{error:?}");
        assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
    });
}

fn by_way_of(proxy: String, verify: Verify) -> Client {
    let options = ClientOptions { proxy: ProxyChoice::Url(proxy), verify, ..ClientOptions::default() };
    Client::new(options).expect("the proxy is valid")
}

#[test]
fn a_proxy_takes_whole_addresses_and_its_password() {
    run(async {
        let proxy = serve(|_, _| (reply("200 OK", &[], b"by proxy"), After::Keep)).await;
        let client = by_way_of(proxy.url("").replace("http://", "http://me:secret@"), Verify::Yes);
        let answer = client.send(&Request::get("http://no-such-name.invalid/a?b")).await.expect("the proxy answers");
        assert_eq!(answer.into_bytes(), "by proxy");
        let asked = &proxy.asked.all()[0];
        assert!(asked.starts_with("GET http://no-such-name.invalid/a?b HTTP/1.1\r\n"), "{asked}");
        assert!(asked.to_lowercase().contains("proxy-authorization: basic bwu6c2vjcmv0\r\n"), "{asked}");
        assert!(!format!("{:?}", client.options()).contains("secret"));
    });
}

#[test]
fn a_secure_connection_is_tunnelled() {
    run(async {
        let authority = Authority::new("tunnel");
        let (port, _) = authority.serve("localhost", false).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let proxy = listener.local_addr().expect("it is bound");
        tokio::runtime::Handle::current().spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") && socket.read_buf(&mut asked).await.is_ok_and(|got| got > 0) {}
                assert!(asked.starts_with(b"CONNECT localhost:"));
                let _ = socket.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await;
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
                let _ = copy_bidirectional(&mut socket, &mut server).await;
            }
        });
        let client = by_way_of(format!("http://{proxy}"), Verify::Bundle(authority.bundle.clone()));
        let answer = client.send(&Request::get(format!("https://localhost:{port}/"))).await.expect("it answers");
        assert_eq!(answer.into_bytes(), "secret");
    });
}

#[test]
fn a_proxy_that_refuses_is_named_without_its_password() {
    run(async {
        let proxy = serve(|_, _| (reply("407 Proxy Authentication Required", &[], b""), After::Close)).await;
        let client = by_way_of(proxy.url("").replace("http://", "http://me:secret@"), Verify::Yes);
        let error = client.send(&Request::get("https://host.example/")).await.expect_err("it is refused");
        assert!(matches!(error, HttpError::Proxy { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        let wrong = ClientOptions { proxy: ProxyChoice::Url("me:secret@host".into()), ..ClientOptions::default() };
        let error = Client::new(wrong).err().expect("it is no URL");
        assert!(matches!(error, HttpError::BadOption { option: "proxy", .. }), "{error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    });
}
