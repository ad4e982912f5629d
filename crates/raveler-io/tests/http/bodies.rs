//! Bodies on their way out and in.

use raveler_io::http::{Client, ClientOptions, Request};

use crate::server::{After, reply, run, serve};

#[test]
fn a_stream_hands_out_pieces() {
    run(async {
        let server = serve(|_, _| (reply("200 OK", &[], &[7; 100_000]), After::Keep)).await;
        let client = Client::new(ClientOptions::default()).expect("the defaults are valid");
        let mut answer = client.open(&Request::get(server.url("/"))).await.expect("it answers");
        let mut size = 0;
        while let Some(piece) = answer.next().await.expect("it is whole") {
            size += piece.len();
        }
        assert_eq!(size, 100_000);
    });
}
