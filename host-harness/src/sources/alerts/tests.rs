use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use tempfile::TempDir;

use super::*;
use crate::sources::testing::Pipeline;

/// What the server has: the answers by path and query, and who asked.
#[derive(Default)]
struct Hub {
    pages: Vec<(&'static str, StatusCode, String)>,
    asked: Vec<(String, String)>,
}

struct Scene {
    hub: Arc<Mutex<Hub>>,
    folder: TempDir,
    settings: AlertsSettings,
}

impl Scene {
    async fn new() -> Self {
        let hub = Arc::new(Mutex::new(Hub::default()));
        let own = Arc::clone(&hub);
        let answer = move |uri: Uri, headers: HeaderMap| async move {
            let path = uri.path_and_query().unwrap().as_str().to_owned();
            let token = headers["authorization"].to_str().unwrap().to_owned();
            let mut hub = own.lock().unwrap();
            hub.asked.push((path.clone(), token));
            let page = hub.pages.iter().find(|(of, _, _)| *of == path);
            page.map_or(
                (StatusCode::NOT_FOUND, String::new()),
                |(_, status, text)| (*status, text.clone()),
            )
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("token"), "first\n").unwrap();
        let settings = AlertsSettings {
            name: "stack".to_owned(),
            url: Url::parse(&format!("http://{address}/alerts?v=1")).unwrap(),
            token_file: folder.path().join("token"),
            ca_file: None,
            every: Duration::from_millis(5),
        };
        Self {
            hub,
            folder,
            settings,
        }
    }

    fn serve(&self, pages: &[(&'static str, &str)]) {
        let page =
            |(path, text): &(&'static str, &str)| (*path, StatusCode::OK, (*text).to_owned());
        self.hub.lock().unwrap().pages = pages.iter().map(page).collect();
    }

    async fn round(&self, known: &HashSet<[u8; 16]>) -> Result<Round, String> {
        read_list(&client(None).unwrap(), &self.settings, known).await
    }

    async fn fails(&self) -> String {
        self.round(&HashSet::new()).await.err().unwrap()
    }
}

#[tokio::test]
async fn pages_are_followed_and_only_changed_alerts_are_offered() {
    let scene = Scene::new().await;
    let first = r#"{"value":[{"id":1,"state":"Active"},{"id":2}],"nextLink":"/alerts?v=1&page=2"}"#;
    scene.serve(&[
        ("/alerts?v=1", first),
        (
            "/alerts?v=1&page=2",
            r#"{"value":[{"id":3}],"nextLink":""}"#,
        ),
    ]);
    let pipeline = Pipeline::start();
    let start = pipeline.begin();
    let shutdown = start.shutdown.clone();
    let running = tokio::spawn(run(scene.settings.clone(), start));
    pipeline.until(|log| log.lines().len() == 3).await;
    // Thirty polls of the same list make nothing new.
    let asked = |scene: &Scene| scene.hub.lock().unwrap().asked.len();
    let before = asked(&scene);
    while asked(&scene) < before + 60 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(pipeline.taken().offers.len(), 1);
    std::fs::write(scene.folder.path().join("token"), "Bearer second").unwrap();
    scene.serve(&[(
        "/alerts?v=1",
        r#"{"value":[{"id":1,"state":"Closed"},{"id":2}]}"#,
    )]);
    pipeline.until(|log| log.lines().len() == 4).await;
    shutdown.cancel();
    assert_eq!(running.await.unwrap(), Ok(Ended::Stopped));
    let taken = pipeline.taken();
    let lines = [
        r#"{"id":1,"state":"Active"}"#,
        r#"{"id":2}"#,
        r#"{"id":3}"#,
        r#"{"id":1,"state":"Closed"}"#,
    ];
    assert_eq!(taken.lines(), lines);
    assert_eq!(taken.offers[0].batches[0].source, "alerts:stack");
    let asked = scene.hub.lock().unwrap().asked.clone();
    assert_eq!(asked[0].1, "Bearer first");
    assert_eq!(asked.last().unwrap().1, "Bearer second");
}

#[tokio::test]
async fn what_goes_wrong_is_said_without_secrets() {
    let scene = Scene::new().await;
    scene.serve(&[(
        "/alerts?v=1",
        r#"{"value":[],"nextLink":"https://evil.example/alerts?token=s3cret"}"#,
    )]);
    let why = scene.fails().await;
    assert_eq!(
        why,
        "the link to the next page leads to `evil.example`, another server; it is not followed"
    );
    scene.serve(&[("/alerts?v=1", r#"{"value":[{"id":"s3cret"#)]);
    let why = scene.fails().await;
    assert!(
        why.starts_with("page 1 of the list is no JSON: line 1") && !why.contains("s3cret"),
        "{why}"
    );
    scene.hub.lock().unwrap().pages =
        vec![("/alerts?v=1", StatusCode::UNAUTHORIZED, String::new())];
    let why = scene.fails().await;
    assert!(
        why.starts_with("the server answers 401 Unauthorized (hint: the token has expired"),
        "{why}"
    );
    std::fs::write(scene.folder.path().join("token"), "two words").unwrap();
    let why = scene.fails().await;
    assert!(
        why.contains("holds no token") && !why.contains("words\""),
        "{why}"
    );
    let mut scene = Scene::new().await;
    scene.settings.url = Url::parse("http://127.0.0.1:1/alerts?token=s3cret").unwrap();
    let why = scene.fails().await;
    assert!(!why.contains("s3cret") && !why.contains("first"), "{why}");
    let why = client(Some(&scene.settings.token_file)).unwrap_err();
    assert!(why.ends_with("holds no certificates in PEM"), "{why}");
}

#[tokio::test]
async fn pages_and_their_bytes_are_bounded() {
    let scene = Scene::new().await;
    scene.serve(&[("/alerts?v=1", r#"{"value":[],"nextLink":"/alerts?v=1"}"#)]);
    assert_eq!(scene.fails().await, "the list has more than 100 pages");
    assert_eq!(scene.hub.lock().unwrap().asked.len(), MOST_PAGES);
    let page = |bytes: usize| format!("{{\"value\":[]{}}}", " ".repeat(bytes - 12));
    scene.serve(&[("/alerts?v=1", &page(PAGE_BYTES))]);
    assert!(scene.round(&HashSet::new()).await.is_ok());
    scene.serve(&[("/alerts?v=1", &page(PAGE_BYTES + 1))]);
    assert_eq!(
        scene.fails().await,
        format!("a page of the list has more than {PAGE_BYTES} bytes")
    );
}
