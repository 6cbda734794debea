//! Endpoints of a class: by pupils who come in, by those who are in, and by the teacher.
//!
//! Who comes in needs the class's code and no key. Everything else needs the key that a pupil got then, or the teacher's; the server
//! has found out whose it is before any of this is reached. What touches the disk or grades an exercise is done where work on
//! texts is, in which each client has a share.

use crate::api::fields::Fields;
use crate::error::{ApiError, Kind, json_response};
use crate::ids::unix_seconds;
use crate::service::{Caller, Peer, Service};
use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use hefu_class::exam::Plan;
use hefu_class::report::Form;
use hefu_class::{Class, Refusal, Who, site};
use hefu_lessons::language::Language;
use serde_json::{Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Where pupils come in.
const JOIN: &str = "/v1/class/join";
/// Seconds after which too many requests may be tried again.
const RETRY_AFTER: u64 = 60;
/// Levels that can be named: as many as there are, and some by mistake.
const MAX_LEVELS: usize = 16;

type Answered = Result<Response, ApiError>;

/// The routes of a class.
pub(crate) fn router(class: Arc<Class>) -> Router<Arc<Service>> {
    Router::new()
        .route(JOIN, post(join))
        .route("/v1/class/me", get(me))
        .route("/v1/class/progress", get(file).post(bring))
        .route("/v1/class/visit", post(visit))
        .route("/v1/class/answer", post(answer))
        .route("/v1/class/cases/{exercise}", get(cases))
        .route("/v1/class/exercise", post(hand_in))
        .route("/v1/class/exam", get(sheet).post(answer_exam))
        .route("/v1/class/overview", get(overview))
        .route("/v1/class/report", get(report))
        .route("/v1/class/return", post(let_back))
        .route("/v1/class/remove", post(remove))
        .route("/v1/class/exam/begin", post(begin))
        .route("/v1/class/exam/end", post(end))
        .layer(Extension(class))
}

/// True if a request needs no key: the pages, and to come in.
pub(crate) fn is_open(method: &Method, path: &str) -> bool {
    let is_read = method == Method::GET || method == Method::HEAD;
    method == Method::POST && path == JOIN || is_read && site::is_here(path)
}

/// The class, and who asks it.
struct Asked {
    service: Arc<Service>,
    class: Arc<Class>,
    caller: Caller,
}

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Asked
where
    Arc<Service>: axum::extract::FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, ApiError> {
        let found = (parts.extensions.get::<Arc<Class>>().cloned(), parts.extensions.get::<Caller>().cloned());
        let (Some(class), Some(caller)) = found else { return Err(ApiError::internal("there is no class here")) };
        Ok(Self { service: axum::extract::FromRef::from_ref(state), class, caller })
    }
}

impl Asked {
    /// The number of the pupil who asks.
    fn pupil(&self) -> Result<u64, ApiError> {
        match self.caller.member {
            Some(Who::Pupil(pupil)) => Ok(pupil),
            _ => Err(ApiError::new(
                Kind::Forbidden,
                "this is for the pupils of the class; come in with its code at /class",
            )),
        }
    }

    fn of_teacher(self) -> Result<Self, ApiError> {
        match self.caller.member {
            Some(Who::Teacher) => Ok(self),
            _ => Err(ApiError::new(
                Kind::Forbidden,
                "this is for the teacher, by the key that the program printed at its start",
            )),
        }
    }

    /// Does something that takes its time.
    async fn work<T: Send + 'static>(
        self,
        act: impl FnOnce(&Class, u64) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, ApiError> {
        let Self { service, class, caller } = self;
        service.work(caller.client, move |_| act(&class, unix_seconds())).await?.map_err(|refusal| refused(&refusal))
    }

    /// The same of the pupil who asks.
    async fn of_pupil<T: Send + 'static>(
        self,
        act: impl FnOnce(&Class, u64, u64) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, ApiError> {
        let pupil = self.pupil()?;
        self.work(move |class, now| act(class, pupil, now)).await
    }
}

fn refused(refusal: &Refusal) -> ApiError {
    let kind = match refusal {
        Refusal::Code | Refusal::Full(_) | Refusal::Address(_) => Kind::Forbidden,
        Refusal::Guesses | Refusal::Pace => Kind::Busy { retry_after: RETRY_AFTER },
        Refusal::NoPupil | Refusal::Nothing(_) | Refusal::NoExam => Kind::NotFound,
        Refusal::Output => Kind::TooLarge,
        Refusal::File { .. } | Refusal::Damaged { .. } | Refusal::Key(_) | Refusal::Random(_) => Kind::Unavailable,
        _ => Kind::Invalid,
    };
    ApiError::new(kind, refusal.to_string()).code(refusal.word())
}

fn said(value: &Value) -> Response {
    json_response(StatusCode::OK, value)
}

fn done() -> Response {
    said(&json!({"object": "done"}))
}

/// A value of an address's query. All that are asked for here are plain words.
fn query<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next()
}

fn language(name: Option<&str>) -> Language {
    Language::preferred(name.unwrap_or_default())
}

async fn join(mut asked: Asked, peer: Option<Extension<Peer>>, mut fields: Fields) -> Answered {
    let (code, name): (String, Option<String>) = (fields.need("code")?, fields.take("name")?);
    fields.finish()?;
    let from = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Extension(Peer(address))| address);
    // Who has no key yet shares with those of the same address alone.
    let mut hasher = DefaultHasher::new();
    from.hash(&mut hasher);
    asked.caller.client = hasher.finish();
    let joined = asked.work(move |class, now| class.join(from, &code, &name.unwrap_or_default(), now)).await?;
    Ok(said(&json!({"pupil": joined.pupil, "name": joined.name, "key": joined.key})))
}

async fn me(asked: Asked, uri: Uri) -> Answered {
    let language = language(query(&uri, "language"));
    Ok(said(&asked.of_pupil(move |class, pupil, now| class.own(pupil, language, now)).await?))
}

async fn file(asked: Asked) -> Answered {
    let text = asked.of_pupil(|class, pupil, _| class.file(pupil)).await?;
    Ok(([(CONTENT_TYPE, "application/json")], text).into_response())
}

async fn bring(asked: Asked, mut fields: Fields) -> Answered {
    let text: String = fields.need("file")?;
    fields.finish()?;
    asked.of_pupil(move |class, pupil, now| class.bring(pupil, &text, now)).await?;
    Ok(done())
}

async fn visit(asked: Asked, mut fields: Fields) -> Answered {
    let lesson: String = fields.need("lesson")?;
    fields.finish()?;
    asked.of_pupil(move |class, pupil, now| class.visit(pupil, &lesson, now)).await?;
    Ok(done())
}

async fn answer(asked: Asked, mut fields: Fields) -> Answered {
    let (lesson, question, answer): (String, u32, u32) =
        (fields.need("lesson")?, fields.need("question")?, fields.need("answer")?);
    fields.finish()?;
    let right = asked.of_pupil(move |class, pupil, now| class.answer(pupil, &lesson, question, answer, now)).await?;
    Ok(said(&json!({"right": right})))
}

async fn cases(asked: Asked, Path(exercise): Path<String>, uri: Uri) -> Answered {
    let in_exam = query(&uri, "exam") == Some("true");
    let text = asked.of_pupil(move |class, pupil, now| class.cases(pupil, &exercise, in_exam, now)).await?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

async fn hand_in(asked: Asked, mut fields: Fields) -> Answered {
    let (exercise, output): (String, String) = (fields.need("exercise")?, fields.need("output")?);
    let (in_exam, named): (Option<bool>, Option<String>) = (fields.take("exam")?, fields.take("language")?);
    fields.finish()?;
    let in_exam = in_exam.unwrap_or(false);
    let graded =
        asked.of_pupil(move |class, pupil, now| class.hand_in(pupil, &exercise, &output, in_exam, now)).await?;
    // In an exam, what is wrong is for the pupil to find.
    let words = (!in_exam).then(|| graded.report.said(Some(&graded.task), language(named.as_deref())));
    Ok(said(&json!({"cases": graded.report.cases, "right": graded.report.right, "said": words})))
}

async fn sheet(asked: Asked, uri: Uri) -> Answered {
    let language = language(query(&uri, "language"));
    Ok(said(&asked.of_pupil(move |class, pupil, now| class.sheet(pupil, language, now)).await?))
}

async fn answer_exam(asked: Asked, mut fields: Fields) -> Answered {
    let (question, answer): (u32, u32) = (fields.need("question")?, fields.need("answer")?);
    fields.finish()?;
    asked.of_pupil(move |class, pupil, now| class.answer_exam(pupil, question as usize, answer, now)).await?;
    Ok(done())
}

async fn overview(asked: Asked, uri: Uri) -> Answered {
    let language = language(query(&uri, "language"));
    Ok(said(&asked.of_teacher()?.work(move |class, now| Ok(class.overview(language, now))).await?))
}

async fn report(asked: Asked, uri: Uri) -> Answered {
    let asked = asked.of_teacher()?;
    let number = query(&uri, "exam").map(|number| number.parse());
    let number = number.transpose().map_err(|_| ApiError::parameter("exam", "exam must be a whole number"))?;
    let form = Form::of(query(&uri, "format").unwrap_or("json"));
    let form = form.ok_or_else(|| ApiError::parameter("format", "format must be json, csv or markdown"))?;
    let text = asked.work(move |class, _| class.report(number, form)).await?;
    Ok(([(CONTENT_TYPE, form.media_type())], text).into_response())
}

async fn let_back(asked: Asked, mut fields: Fields) -> Answered {
    let (asked, pupil): (Asked, u64) = (asked.of_teacher()?, fields.need("pupil")?);
    fields.finish()?;
    let code = asked.work(move |class, _| class.let_back(pupil)).await?;
    Ok(said(&json!({"code": code})))
}

async fn remove(asked: Asked, mut fields: Fields) -> Answered {
    let (asked, pupil): (Asked, u64) = (asked.of_teacher()?, fields.need("pupil")?);
    fields.finish()?;
    asked.work(move |class, _| class.remove(pupil)).await?;
    Ok(done())
}

async fn begin(asked: Asked, mut fields: Fields) -> Answered {
    let asked = asked.of_teacher()?;
    let levels: Vec<Value> = fields.take("levels")?.unwrap_or_default();
    let levels: Option<Vec<String>> = levels.into_iter().map(|level| level.as_str().map(str::to_owned)).collect();
    let levels = levels.filter(|levels| levels.len() <= MAX_LEVELS);
    let plan = Plan {
        questions: fields.take("questions")?.unwrap_or(0),
        exercises: fields.take("exercises")?.unwrap_or(0),
        minutes: fields.need("minutes")?,
        levels: levels.ok_or_else(|| fields.wrong("levels", "an array of names of levels"))?,
        seed: fields.take("seed")?,
    };
    fields.finish()?;
    let exam = asked.work(move |class, now| class.begin_exam(&plan, now)).await?;
    Ok(said(&json!({"exam": exam})))
}

async fn end(asked: Asked, fields: Fields) -> Answered {
    let asked = asked.of_teacher()?;
    fields.finish()?;
    asked.work(|class, now| class.end_exam(now)).await?;
    Ok(done())
}
