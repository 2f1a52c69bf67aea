/**
 * What rpc.statd of macOS prints for `-l` and `-L`, for a database of a state directory.
 *
 * Source: rpc.statd(8) of macOS and its behaviour: four fixed lines, the legend below them, one line
 * for each record, and in watch mode the differences in a fixed order.
 */

/** `-l` with a record of each kind; two blanks, flag, two blanks, flag, three blanks, name. */
export const LISTING = `Status DB: /var/lib/nfs
Status DB Length: 246
State: 5
#Hosts: 3
  +----- Being Monitored
  |  +-- Notification Required
  |  |
  v  v
  M  N   both.example.org
  M      host.example.org
     N   late.example.org
`;

/** `-l` of an empty database. */
export const EMPTY_LISTING = `Status DB: /var/lib/nfs
Status DB Length: 0
State: 1
#Hosts: 0
  +----- Being Monitored
  |  +-- Notification Required
  |  |
  v  v
`;

/** The first look of `-L`: every active record as new. */
export const FIRST_LOOK = `Status DB: /var/lib/nfs
Status DB Length: 246
State: 5
#Hosts: 3
  +----- Being Monitored
  |  +-- Notification Required
  |  |
  v  v
+ M  N   both.example.org
+ M      host.example.org
+    N   late.example.org
`;

/** A later look of `-L`: lengths and numbers, then who is gone with the flags it last had, then flags. */
export const CHANGES = `Status DB Length: 246 -> 164
State: 5 -> 7
#Hosts: 3 -> 2
-    N   late.example.org
  M      both.example.org
`;

/** A record is new, and nothing else has changed but the counts. */
export const ADDITION = `Status DB Length: 164 -> 246
#Hosts: 2 -> 3
+ M      new.example.org
`;
