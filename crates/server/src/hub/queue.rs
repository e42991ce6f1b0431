//! What one task tells another: a queue with one end to put in and one to take out.
//!
//! Of its own because of what it has to do with idle and with busy sessions. It takes memory only for what
//! waits in it, which is nothing most of the time. What is put in may join what waits already, so that a
//! thousand pieces of output are one thing to hear. And something may be [left](Sender::leave) without
//! waking the receiver, which finds it when it looks next.

use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// What waits costs memory that is kept for what comes next, up to so many of them.
const KEPT: usize = 8;

struct Shared<T> {
    state: Mutex<State<T>>,
    room: Semaphore,
}

struct State<T> {
    waiting: VecDeque<T>,
    reader: Option<Waker>,
    /// One of the two ends is gone.
    closed: bool,
}

/// The other end is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed;

/// The end to put in. When it is dropped, the other one takes what is left, and then nothing.
pub(super) struct Sender<T>(Arc<Shared<T>>);

/// The end to take out. When it is dropped, whatever waits is dropped too.
pub(super) struct Receiver<T>(Arc<Shared<T>>);

/// A queue, with room for what takes [room](Sender::room).
pub(super) fn queue<T>(room: usize) -> (Sender<T>, Receiver<T>) {
    let state = State { waiting: VecDeque::new(), reader: None, closed: false };
    let shared = Arc::new(Shared { state: Mutex::new(state), room: Semaphore::new(room) });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing that can panic is done while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts something in, unless the queue is closed.
    fn put(&self, put: impl FnOnce(&mut VecDeque<T>), wakes: bool) -> Result<(), Closed> {
        let mut state = self.lock();
        if state.closed {
            return Err(Closed);
        }
        put(&mut state.waiting);
        let reader = if wakes { state.reader.take() } else { None };
        drop(state);
        wake(reader);
        Ok(())
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let reader = state.reader.take();
        drop(state);
        self.room.close();
        wake(reader);
    }
}

fn wake(reader: Option<Waker>) {
    if let Some(reader) = reader {
        reader.wake();
    }
}

impl<T> Sender<T> {
    /// Puts it at the end, whatever room there is.
    pub(super) fn send(&self, item: T) -> Result<(), Closed> {
        self.join(|waiting| waiting.push_back(item))
    }

    /// Puts something in by hand: it may join what is last.
    pub(super) fn join(&self, put: impl FnOnce(&mut VecDeque<T>)) -> Result<(), Closed> {
        self.0.put(put, true)
    }

    /// As [`send`](Sender::send), without waking the other end: it finds it when it looks again.
    pub(super) fn leave(&self, item: T) {
        // A receiver that is gone does not look.
        _ = self.0.put(|waiting| waiting.push_back(item), false);
    }

    /// Wakes the other end: there is something that was left.
    pub(super) fn wake(&self) {
        let reader = self.0.lock().reader.take();
        wake(reader);
    }

    /// Takes room for something that is put in next, if there is enough.
    pub(super) fn has_room(&self, size: u32) -> bool {
        self.0.room.try_acquire_many(size).map(SemaphorePermit::forget).is_ok()
    }

    /// Waits for room, first come, first served. Cancel-safe: dropped while it waits, it has taken none.
    pub(super) async fn room(&self, size: u32) -> Result<(), Closed> {
        self.0.room.acquire_many(size).await.map(SemaphorePermit::forget).map_err(|_| Closed)
    }
}

impl<T> Receiver<T> {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.0.lock().waiting.len()
    }

    /// The first one, if one waits.
    pub(super) fn pop(&mut self) -> Option<T> {
        self.0.lock().waiting.pop_front()
    }

    /// The first one; none when all senders are gone.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.0.lock();
        if let Some(item) = state.waiting.pop_front() {
            return Poll::Ready(Some(item));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        if state.waiting.capacity() > KEPT {
            state.waiting = VecDeque::new();
        }
        match &mut state.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            none @ None => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// As [`poll`](Receiver::poll). Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// What was taken out makes room.
    pub(super) fn free(&self, size: u32) {
        self.0.room.add_permits(usize::try_from(size).unwrap_or(usize::MAX));
    }

    /// Nothing is put in any more; what waits can still be taken out.
    pub(super) fn close(&self) {
        self.0.close();
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.0.close();
        // Dropped when the lock is let go: it may hold ends of other queues.
        let waiting = core::mem::take(&mut self.0.lock().waiting);
        drop(waiting);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("waiting", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::boxed::Box;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn what_waits_is_taken_out_in_order_also_when_the_sender_is_gone() {
        let (sender, mut receiver) = queue(0);
        assert_eq!((sender.send(1), sender.send(2)), (Ok(()), Ok(())));
        drop(sender);
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(receiver.poll(&mut cx), Poll::Ready(Some(1)));
        assert_eq!(receiver.poll(&mut cx), Poll::Ready(Some(2)));
        assert_eq!(receiver.poll(&mut cx), Poll::Ready(None));
    }

    #[test]
    fn nothing_is_put_in_when_the_receiver_is_gone_and_nobody_waits_for_room() {
        let (sender, receiver) = queue::<u8>(1);
        assert!(sender.has_room(1));
        assert!(!sender.has_room(1));
        receiver.free(1);
        assert!(sender.has_room(1));
        let mut waits = Box::pin(sender.room(1));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(waits.as_mut().poll(&mut cx), Poll::Pending);
        drop(receiver);
        assert_eq!(waits.as_mut().poll(&mut cx), Poll::Ready(Err(Closed)));
        drop(waits);
        assert_eq!(sender.send(1), Err(Closed));
    }

    #[test]
    fn what_is_left_wakes_nobody_and_is_found_with_what_comes_next() {
        let (sender, mut receiver) = queue(0);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        let times = || woken.0.load(Ordering::Relaxed);
        assert_eq!(receiver.poll(&mut cx), Poll::Pending);
        sender.leave(1);
        assert_eq!(times(), 0);
        assert_eq!(sender.send(2), Ok(()));
        assert_eq!(times(), 1);
        assert_eq!(receiver.poll(&mut cx), Poll::Ready(Some(1)));
        assert_eq!(receiver.poll(&mut cx), Poll::Ready(Some(2)));
        assert_eq!(receiver.poll(&mut cx), Poll::Pending);
        sender.leave(3);
        sender.wake();
        assert_eq!(times(), 2);
    }
}
