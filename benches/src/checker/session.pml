/* The model of `model.rs`, told in Promela. One process and one loop of atomic steps: there is no
 * place in the program that a state could differ in, but for the variables. */

#define HEAD 7
#define QUEUE 3
#define PROMPTS 3
#define CRASHES 2

/* Phases */
#define CREATED 0
#define STARTING 1
#define ACTIVE 2
#define DETACHED 3
#define SUSPENDED 4
#define CLOSING 5
#define ENDED 6
/* Turns */
#define NO_TURN 0
#define RUNNING 1
#define INTERRUPTING 2
/* Workers */
#define NO_WORKER 0
#define COMING 1
#define IDLE 2
#define BUSY 3
/* Links */
#define AWAY 0
#define DIALING 1
#define OPEN 2
#define PAUSED 3

byte phase = CREATED;
byte turn = NO_TURN;
byte worker = NO_WORKER;
byte queue;
byte head;
bool detach_timer;
byte crashes = CRASHES;
byte link[2];
byte applied[2];
bool in_flight[2];
byte prompts[2] = PROMPTS;

#define UP (phase == ACTIVE || phase == DETACHED || phase == SUSPENDED)

#define LAWS \
  assert(applied[0] <= head && applied[1] <= head); \
  assert((turn == NO_TURN) == (worker != BUSY))

#define WATCH \
  if \
  :: link[0] == OPEN || link[1] == OPEN -> phase = ACTIVE; detach_timer = false \
  :: else -> \
    if \
    :: link[0] == PAUSED || link[1] == PAUSED -> phase = SUSPENDED; detach_timer = false \
    :: else -> phase = DETACHED; detach_timer = true \
    fi \
  fi

#define REWATCH \
  if \
  :: UP -> WATCH \
  :: else -> skip \
  fi

#define END \
  phase = ENDED; worker = NO_WORKER; turn = NO_TURN; queue = 0; detach_timer = false

#define VIEWER(v) \
  :: d_step { link[v] == AWAY -> link[v] = DIALING; LAWS } \
  :: d_step { link[v] == DIALING || link[v] == PAUSED -> link[v] = OPEN; REWATCH; LAWS } \
  :: d_step { link[v] != AWAY -> link[v] = AWAY; in_flight[v] = false; REWATCH; LAWS } \
  :: d_step { link[v] == OPEN -> link[v] = PAUSED; in_flight[v] = false; REWATCH; LAWS } \
  :: d_step { link[v] == OPEN && prompts[v] > 0 && head < HEAD && queue < QUEUE \
              && phase != CLOSING -> \
      prompts[v]--; queue++; head++; \
      if \
      :: phase == CREATED || phase == ENDED -> phase = STARTING; worker = COMING \
      :: else -> skip \
      fi; LAWS } \
  :: d_step { link[v] == OPEN && turn == RUNNING -> turn = INTERRUPTING; LAWS } \
  :: d_step { link[v] == OPEN && (UP || phase == STARTING) -> \
      phase = CLOSING; detach_timer = false; LAWS } \
  :: d_step { link[v] == OPEN && !in_flight[v] && applied[v] < head -> in_flight[v] = true; LAWS } \
  :: d_step { link[v] == OPEN && in_flight[v] -> in_flight[v] = false; applied[v]++; LAWS }

active proctype world()
{
  do
  VIEWER(0)
  VIEWER(1)
  :: d_step { worker == COMING && phase == STARTING -> worker = IDLE; WATCH; LAWS }
  :: d_step { UP && worker == IDLE && queue > 0 ->
      queue--; turn = RUNNING; worker = BUSY; LAWS }
  :: d_step { worker == BUSY && head < HEAD -> head++; LAWS }
  :: d_step { worker == BUSY -> turn = NO_TURN; worker = IDLE; LAWS }
  :: d_step { detach_timer -> detach_timer = false; phase = CLOSING; LAWS }
  :: d_step { phase == CLOSING -> END; LAWS }
  :: d_step { crashes > 0 ->
      crashes--;
      link[0] = AWAY; link[1] = AWAY; in_flight[0] = false; in_flight[1] = false;
      END; LAWS }
  od
}
