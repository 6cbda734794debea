//! The class as it lives: who is in it, who comes in, and what its teacher can do.
//!
//! Acknowledged changes are on the disk: each is made to a copy, written, and only then becomes what is known. Keys follow from
//! the private key of the class, so that a new start knows those of all pupils and none is kept anywhere.

use crate::code;
use crate::exam::{Exam, Plan};
use crate::folder::{About, Folder};
use crate::limits::{
    ACTS_PER_MINUTE, MAX_ADDRESSES, MAX_EXAMS, MAX_NAME, MAX_PUPILS, PUPILS_PER_ADDRESS, WRONG_CODES_PER_MINUTE,
};
use crate::pace::Pace;
use crate::progress::{Progress, Signed};
use crate::refusal::Refusal;
use hefu_lessons::lesson::Lesson;
use hefu_proof::{Digest, Identity, PublicKey};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

/// Settings that a teacher gives when a class is begun.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Pupils who may come from one address.
    pub per_address: usize,
    /// Further keys whose progress files may be brought.
    pub trusted: Vec<PublicKey>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { per_address: PUPILS_PER_ADDRESS, trusted: Vec::new() }
    }
}

/// Owner of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The teacher's.
    Teacher,
    /// That of a pupil, by the number.
    Pupil(u64),
}

/// A pupil who came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The number in the class.
    pub pupil: u64,
    /// The name.
    pub name: String,
    /// The key by which the pupil asks from now on.
    pub key: String,
}

/// A class.
#[derive(Debug)]
pub struct Class {
    folder: Folder,
    key: Identity,
    settings: Settings,
    pub(crate) lessons: Vec<Lesson>,
    state: Mutex<State>,
    /// Owners of keys, by the digest of the key.
    known: RwLock<HashMap<Digest, Who>>,
}

/// State that changes.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) about: About,
    pub(crate) pupils: BTreeMap<u64, Progress>,
    /// Codes that let one pupil back in, each once.
    returns: BTreeMap<String, u64>,
    /// Addresses of those who came since the start, kept in memory alone.
    came: Vec<(IpAddr, u64)>,
    guesses: Pace<IpAddr>,
    acts: Pace<u64>,
}

impl Class {
    /// The class in a folder, which is begun where there is none.
    ///
    /// # Errors
    /// A folder that cannot be had, or a file in it that is not what this program writes.
    pub fn open(path: &Path, lessons: Vec<Lesson>, settings: Settings) -> Result<Self, Refusal> {
        let folder = Folder::open(path)?;
        let key = folder.key()?;
        let about = match folder.about()? {
            Some(about) => about,
            None => {
                let id = format!("{:016x}", getrandom::u64().map_err(Refusal::Random)?);
                let about = About { id, code: code::random()?, next: 1, exams: Vec::new() };
                folder.keep_about(&about)?;
                about
            }
        };
        let pupils = folder.pupils(key.public())?;
        // A number that was given is never given again, also where the machine stopped between two files.
        let next = pupils.keys().next_back().map_or(1, |last| last + 1).max(about.next);
        let state = State {
            about: About { next, ..about },
            pupils,
            returns: BTreeMap::new(),
            came: Vec::new(),
            guesses: Pace::new(WRONG_CODES_PER_MINUTE, MAX_ADDRESSES),
            acts: Pace::new(ACTS_PER_MINUTE, MAX_ADDRESSES),
        };
        let class =
            Self { folder, key, settings, lessons, state: Mutex::new(state), known: RwLock::new(HashMap::new()) };
        class.know();
        Ok(class)
    }

    /// The code by which pupils come in, as it is shown.
    pub fn code(&self) -> String {
        code::shown(&self.lock().about.code)
    }

    /// The public key by which the files of this class are signed.
    pub fn public_key(&self) -> PublicKey {
        self.key.public()
    }

    /// The teacher's key.
    pub fn teacher_key(&self) -> String {
        let id = self.lock().about.id.clone();
        self.derived("teacher", &id)
    }

    /// Owner of this key.
    pub fn who(&self, key: &str) -> Option<Who> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&Digest::of(&[key.as_bytes()])).copied()
    }

    fn derived(&self, kind: &str, of: &str) -> String {
        format!("hefu-{kind}-{}", self.key.pseudonym(&format!("class {kind} {of}")))
    }

    fn key_of(&self, progress: &Progress) -> String {
        self.derived("pupil", &format!("{} {} {}", progress.class, progress.pupil, progress.entries))
    }

    /// Makes the list of keys anew.
    fn know(&self) {
        let digest = |key: String| Digest::of(&[key.as_bytes()]);
        let mut known = HashMap::from([(digest(self.teacher_key()), Who::Teacher)]);
        let state = self.lock();
        known.extend(state.pupils.iter().map(|(pupil, progress)| (digest(self.key_of(progress)), Who::Pupil(*pupil))));
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs what a pupil has done, and puts it on the disk.
    fn keep(&self, progress: &Progress) -> Result<(), Refusal> {
        self.folder.keep(progress.pupil, &self.signed(progress)?)
    }

    pub(crate) fn signed(&self, progress: &Progress) -> Result<String, Refusal> {
        Signed::new(progress.clone(), &self.key).and_then(|signed| signed.text()).map_err(Refusal::Plan)
    }

    /// True if a file that was signed by a key may be brought.
    pub(crate) fn trusts(&self, key: &PublicKey) -> bool {
        *key == self.key.public() || self.settings.trusted.contains(key)
    }

    /// That a pupil is not too quick.
    pub(crate) fn paced(&self, pupil: u64, now: u64) -> Result<(), Refusal> {
        if self.lock().acts.may(&pupil, now) { Ok(()) } else { Err(Refusal::Pace) }
    }

    /// Changes what is known of a pupil, once it is on the disk.
    pub(crate) fn change<T>(
        &self,
        pupil: u64,
        now: u64,
        act: impl FnOnce(&mut Progress, &About) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut state = self.lock();
        if !state.acts.may(&pupil, now) {
            return Err(Refusal::Pace);
        }
        let mut next = state.pupils.get(&pupil).ok_or(Refusal::NoPupil)?.clone();
        state.acts.note(pupil, now);
        let done = act(&mut next, &state.about)?;
        next.seen = now;
        self.keep(&next)?;
        state.pupils.insert(pupil, next);
        Ok(done)
    }

    /// Lets a pupil in: by the code of the class under a name that nobody has, or back in by a code that the teacher made.
    ///
    /// # Errors
    /// A wrong code, a name that cannot be, or a class that has no place.
    pub fn join(&self, from: IpAddr, code: &str, name: &str, now: u64) -> Result<Joined, Refusal> {
        let (from, code) = (neighbourhood(from), code::typed(code));
        let mut state = self.lock();
        if !state.guesses.may(&from, now) {
            return Err(Refusal::Guesses);
        }
        let back = state.returns.get(&code).copied();
        if back.is_none() && code != state.about.code {
            state.guesses.note(from, now);
            return Err(Refusal::Code);
        }
        let progress = match back {
            Some(pupil) => {
                let mut progress = state.pupils.get(&pupil).ok_or(Refusal::NoPupil)?.clone();
                progress.entries = progress.entries.saturating_add(1);
                state.returns.remove(&code);
                progress
            }
            None => self.newcomer(&mut state, from, name, now)?,
        };
        self.keep(&progress)?;
        let joined = Joined { pupil: progress.pupil, name: progress.name.clone(), key: self.key_of(&progress) };
        state.pupils.insert(progress.pupil, progress);
        drop(state);
        self.know();
        Ok(joined)
    }

    fn newcomer(&self, state: &mut State, from: IpAddr, name: &str, now: u64) -> Result<Progress, Refusal> {
        let name = name_of(name)?;
        if state.pupils.values().any(|other| alike(&other.name, &name)) {
            return Err(Refusal::Taken);
        }
        if state.pupils.len() >= MAX_PUPILS {
            return Err(Refusal::Full(MAX_PUPILS));
        }
        let State { came, pupils, .. } = state;
        came.retain(|(_, pupil)| pupils.contains_key(pupil));
        if came.iter().filter(|(address, _)| *address == from).count() >= self.settings.per_address {
            return Err(Refusal::Address(self.settings.per_address));
        }
        let pupil = state.about.next;
        let about = About { next: pupil + 1, ..state.about.clone() };
        self.folder.keep_about(&about)?;
        state.about = about;
        state.came.push((from, pupil));
        Ok(Progress::new(&state.about.id, pupil, name, now))
    }

    /// Makes a code that lets a pupil back in, from another browser; what that pupil used before is not valid then.
    ///
    /// # Errors
    /// No such pupil.
    pub fn let_back(&self, pupil: u64) -> Result<String, Refusal> {
        let mut state = self.lock();
        if !state.pupils.contains_key(&pupil) {
            return Err(Refusal::NoPupil);
        }
        let code = code::random()?;
        state.returns.retain(|_, of| *of != pupil);
        state.returns.insert(code.clone(), pupil);
        Ok(code::shown(&code))
    }

    /// Takes a pupil out of the class. The file is put aside and stays on the disk.
    ///
    /// # Errors
    /// No such pupil, or a file that cannot be moved.
    pub fn remove(&self, pupil: u64) -> Result<(), Refusal> {
        let mut state = self.lock();
        if !state.pupils.contains_key(&pupil) {
            return Err(Refusal::NoPupil);
        }
        self.folder.put_aside(pupil)?;
        state.pupils.remove(&pupil);
        state.returns.retain(|_, of| *of != pupil);
        drop(state);
        self.know();
        Ok(())
    }

    /// Begins an exam.
    ///
    /// # Errors
    /// An exam that is under way, or a plan that cannot be carried out.
    pub fn begin_exam(&self, plan: &Plan, now: u64) -> Result<Exam, Refusal> {
        let mut state = self.lock();
        let exams = &state.about.exams;
        if exams.last().is_some_and(|exam| exam.is_on(now)) {
            return Err(Refusal::Exam);
        }
        if exams.len() >= MAX_EXAMS {
            return Err(Refusal::Exams);
        }
        let exam = plan.exam(exams.len() as u32 + 1, &self.lessons, now)?;
        let mut about = state.about.clone();
        about.exams.push(exam.clone());
        self.folder.keep_about(&about)?;
        state.about = about;
        Ok(exam)
    }

    /// Ends the exam that is under way.
    ///
    /// # Errors
    /// There is none.
    pub fn end_exam(&self, now: u64) -> Result<(), Refusal> {
        let mut state = self.lock();
        let mut about = state.about.clone();
        let exam = about.exams.last_mut().filter(|exam| exam.is_on(now)).ok_or(Refusal::NoExam)?;
        exam.ends = now;
        self.folder.keep_about(&about)?;
        state.about = about;
        Ok(())
    }
}

/// Where somebody comes from: an address, or of IPv6 its network, for there one machine has any number of addresses.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        four => four,
    }
}

/// A name without needless blanks.
fn name_of(text: &str) -> Result<String, Refusal> {
    // Longer ones are not looked through.
    if text.len() > MAX_NAME * 16 {
        return Err(Refusal::Name);
    }
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // Signs that are not seen, or turn what is seen around, make one name look like another.
    let is_hidden = |sign: char| {
        sign.is_control()
            || matches!(sign, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
    };
    match name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(is_hidden) {
        true => Err(Refusal::Name),
        false => Ok(name),
    }
}

/// True if two names are the same to whoever reads them.
pub(crate) fn alike(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}
