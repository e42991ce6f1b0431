/* The lock of `lock.rs`, told in Promela. One process and one loop of atomic steps: there is no
 * place in the program that a state could differ in, but for the variables. `holders` follows from
 * the others. CARELESS clients do not look again. */

#define IDLE 0
#define SAW_IT_FREE 1
#define HOLDS 2

byte client[8];
byte holders;

#ifdef CARELESS
#define TAKE_WHEN_HELD(i) client[i] = HOLDS; holders++; assert(holders <= 1)
#else
#define TAKE_WHEN_HELD(i) client[i] = IDLE
#endif

#define CLIENT(i) \
  :: d_step { client[i] == IDLE && holders == 0 -> client[i] = SAW_IT_FREE } \
  :: d_step { client[i] == SAW_IT_FREE && holders == 0 -> client[i] = HOLDS; holders++ } \
  :: d_step { client[i] == SAW_IT_FREE && holders > 0 -> TAKE_WHEN_HELD(i) } \
  :: d_step { client[i] == HOLDS -> client[i] = IDLE; holders-- }

active proctype clients()
{
  do
  CLIENT(0)
  CLIENT(1)
  CLIENT(2)
  CLIENT(3)
  CLIENT(4)
  CLIENT(5)
  CLIENT(6)
  CLIENT(7)
  od
}
