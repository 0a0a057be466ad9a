//! A store of chats, and chats to put into it.

use std::time::Duration;

use chatmesh_chat::{Chat, ChatId, ChatStore as _, MIGRATIONS, NewChat, NewMessage, SqlChatStore};
use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds, Timestamp};
use chatmesh_db::{Sql, values};
use chatmesh_proto::common::v1::Part;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_rpc::UserId;
use chatmesh_testkit::{TestDb, databases};

/// A store without chats, its owner, and a time that stands still unless it is moved.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) engine: &'static str,
    pub(crate) store: SqlChatStore,
    pub(crate) owner: UserId,
    pub(crate) now: Timestamp,
    pub(crate) database: TestDb,
}

pub(crate) async fn worlds() -> Vec<World> {
    let databases = databases(MIGRATIONS).await.into_iter();
    let world = |database: TestDb| World {
        engine: database.engine,
        store: SqlChatStore::new(database.db.clone()),
        owner: UserId(SystemIds.next()),
        now: SystemClock.now(),
        database,
    };
    databases.map(world).collect()
}

impl World {
    pub(crate) fn tick(&mut self) {
        self.now += Duration::from_secs(1);
    }

    /// A chat of the owner's whose first message says `content`.
    pub(crate) fn new_chat(&self, title: &str, content: Vec<Part>) -> NewChat {
        let chat = Chat {
            title: title.to_owned(),
            ..Chat::new(ChatId(SystemIds.next()), self.owner, "house".to_owned(), self.now)
        };
        let message = NewMessage::from_user(self.owner, content, None);
        NewChat { chat, message, dynamic_tools: Vec::new(), deployment_prompt: String::new(), request_id: None }
    }

    pub(crate) async fn insert(&self, new: NewChat) -> Chat {
        let (chat, created) = self.store.create(new).await.expect("created");
        assert!(created, "{}", self.engine);
        chat
    }

    /// A chat in which no turn runs.
    pub(crate) async fn idle(&self, title: &str) -> Chat {
        let chat = self.insert(self.new_chat(title, text("hello"))).await;
        self.rest(chat.id).await
    }

    /// Lets the turn of a chat be over.
    pub(crate) async fn rest(&self, chat: ChatId) -> Chat {
        const IDLE: Sql = Sql::portable("UPDATE chats SET status = 'waiting' WHERE id = $1");
        self.database.db.execute(IDLE, values![chat.0]).await.expect("idle");
        self.get(chat).await
    }

    pub(crate) async fn get(&self, id: ChatId) -> Chat {
        self.store.get(id).await.expect("asked").expect("there")
    }
}

pub(crate) fn text(text: &str) -> Vec<Part> {
    vec![Part { body: Some(Body::Text(text.to_owned())), ..Part::default() }]
}
