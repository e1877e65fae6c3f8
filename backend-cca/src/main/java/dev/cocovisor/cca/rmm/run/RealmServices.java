package dev.cocovisor.cca.rmm.run;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.measure.HashAlgorithm;
import dev.cocovisor.cca.rmm.measure.LittleEndianWords;
import dev.cocovisor.cca.rmm.page.RecExit;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.realm.Rec;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtte;
import java.security.MessageDigest;
import java.util.Arrays;

/**
 * The Realm Services Interface: measurements, configuration and the state of the realm's own
 * memory. Every method takes a running REC whose registers hold the call and returns whether
 * control goes to the host.
 */
// TF-RMM runtime/rsi/.
public class RealmServices {
  public static final long SUCCESS = 0;
  public static final long ERROR_INPUT = 1;
  public static final long VERSION_1_0 = 0x10000;

  private static final int MAX_EXTENSION = 64;
  private static final int CONFIG_IPA_WIDTH = 0;
  private static final int CONFIG_HASH = 8;
  private static final int CONFIG_RPV = 0x200;
  private static final long CHANGE_DESTROYED = 1;

  protected final Context context;
  private final GranuleTable granules;
  private final RealmAccess access;
  private final Psci psci;
  private final HostCalls hostCalls;

  /** Creates the services of RSI 1.0. */
  public RealmServices(Context context, RealmAccess access, Psci psci, HostCalls hostCalls) {
    this.context = context;
    this.psci = psci;
    this.hostCalls = hostCalls;
    this.granules = context.granules();
    this.access = access;
  }

  final boolean psci(Pe pe, Rec rec) {
    return psci.call(rec);
  }

  final boolean hostCall(Pe pe, Rec rec) {
    return hostCalls.call(pe, rec);
  }

  /** Answers a call that this version does not know. */
  protected static boolean unknown(Rec rec) {
    rec.answer(Status.UNKNOWN);
    return false;
  }

  /** RSI_MEM_GET_PERM_VALUE: planes came with RMI 2.0. */
  protected boolean permissionValue(Rec rec) {
    return unknown(rec);
  }

  /** RSI_MEM_SET_PERM_INDEX. */
  protected boolean setPermissionIndex(Rec rec) {
    return unknown(rec);
  }

  /** RSI_MEM_SET_PERM_VALUE. */
  protected boolean setPermissionValue(Rec rec) {
    return unknown(rec);
  }

  /** RSI_VERSION. */
  protected boolean version(Rec rec) {
    rec.answer(rec.regs[1] == VERSION_1_0 ? SUCCESS : ERROR_INPUT);
    rec.regs[1] = VERSION_1_0;
    rec.regs[2] = VERSION_1_0;
    return false;
  }

  /** No RSI feature register of 1.0 has a field. */
  protected boolean features(Rec rec) {
    rec.answer(SUCCESS);
    return false;
  }

  /** Reads a measurement: index 0 is the RIM, 1 to 4 are the REMs. */
  public boolean measurementRead(Rec rec) {
    long index = rec.regs[1];
    if (index < 0 || index > Realm.REMS) {
      rec.answer(ERROR_INPUT);
      return false;
    }
    Realm realm = rec.realm;
    granules.lock(realm.granule);
    for (int i = 0; i < 8; i++) {
      rec.regs[1 + i] =
          index == 0 ? realm.rim.word(i) : LittleEndianWords.get(realm.rem[(int) index - 1], i);
    }
    granules.unlock(realm.granule);
    rec.regs[0] = SUCCESS;
    return false;
  }

  /** Extends a REM by up to 64 bytes: the hash of its old value and the new bytes. */
  public boolean measurementExtend(Rec rec) {
    long index = rec.regs[1];
    long size = rec.regs[2];
    if (index < 1 || index > Realm.REMS || size < 0 || size > MAX_EXTENSION) {
      rec.answer(ERROR_INPUT);
      return false;
    }
    byte[] value = new byte[MAX_EXTENSION];
    for (int i = 0; i < 8; i++) {
      LittleEndianWords.set(value, i, rec.regs[3 + i]);
    }
    Realm realm = rec.realm;
    granules.lock(realm.granule);
    byte[] rem = realm.rem[(int) index - 1];
    HashAlgorithm algorithm = realm.rim.algorithm();
    MessageDigest digest = algorithm.digest();
    digest.update(rem, 0, algorithm.bytes());
    digest.update(value, 0, (int) size);
    byte[] extended = Arrays.copyOf(digest.digest(), rem.length);
    System.arraycopy(extended, 0, rem, 0, rem.length);
    granules.unlock(realm.granule);
    rec.answer(SUCCESS);
    return false;
  }

  /** Writes the realm's configuration into a page of its memory. */
  public boolean realmConfig(Pe pe, Rec rec) {
    long ipa = rec.regs[1];
    Realm realm = rec.realm;
    if ((ipa & 0xfff) != 0 || !realm.geometry.isProtected(ipa)) {
      rec.answer(ERROR_INPUT);
      return false;
    }
    access.walk(pe, realm, ipa);
    boolean exits = false;
    if (access.isMapped(pe)) {
      long at = access.translate(pe, ipa);
      writeConfig(realm, at);
      rec.answer(SUCCESS);
    } else if (Rtte.ripas(pe.walk.entry()) == Rtte.RIPAS_EMPTY) {
      rec.answer(ERROR_INPUT);
    } else {
      Aborts.report(rec, ipa, pe.walk.level);
      exits = true;
    }
    access.done(pe);
    return exits;
  }

  /** Writes the configuration to a page of realm memory. */
  protected void writeConfig(Realm realm, long at) {
    context.memory().writeLong(at + CONFIG_IPA_WIDTH, realm.geometry.ipaBits());
    context.memory().writeByte(at + CONFIG_HASH, realm.rim.algorithm().encoding());
    context.memory().write(at + CONFIG_RPV, realm.rpv, 0, realm.rpv.length);
  }

  /** Asks the host to change the RIPAS of a range; answered at the next entry. */
  public boolean ipaStateSet(Rec rec) {
    long base = rec.regs[1];
    long top = rec.regs[2];
    long ripas = rec.regs[3];
    if (ripas < 0 || ripas > Rtte.RIPAS_RAM || !isProtectedRange(rec.realm, base, top)) {
      rec.answer(ERROR_INPUT);
      return false;
    }
    rec.ripasBase = base;
    rec.ripasTop = top;
    rec.ripasAddr = base;
    rec.ripasValue = (int) ripas;
    rec.ripasChangeDestroyed = (rec.regs[4] & CHANGE_DESTROYED) != 0;
    rec.exit.reason(RecExit.RIPAS_CHANGE);
    rec.exit.set(RecExit.AT_RIPAS_BASE, base);
    rec.exit.set(RecExit.AT_RIPAS_TOP, top);
    rec.exit.set(RecExit.AT_RIPAS_VALUE, ripas);
    return true;
  }

  /** Tells the RIPAS at a base and how far it goes, within one table and the given top. */
  public boolean ipaStateGet(Pe pe, Rec rec) {
    long base = rec.regs[1];
    long top = rec.regs[2];
    if (!isProtectedRange(rec.realm, base, top)) {
      rec.answer(ERROR_INPUT);
      return false;
    }
    access.walk(pe, rec.realm, base);
    int ripas = Rtte.ripas(pe.walk.entry());
    long size = Geometry.entrySize(pe.walk.level);
    long at = (base & -size) + size;
    int end = Geometry.entries(pe.walk.level);
    for (int i = pe.walk.index + 1; i < end && at < top; i++, at += size) {
      long e = pe.walk.table[i];
      if (!Rtte.hasRipas(e) || Rtte.ripas(e) != ripas) {
        break;
      }
    }
    access.done(pe);
    rec.answer(SUCCESS);
    rec.regs[1] = Math.min(at, top);
    rec.regs[2] = ripas;
    return false;
  }

  /** Tells whether a range is aligned, not empty and within the protected half. */
  protected static boolean isProtectedRange(Realm realm, long base, long top) {
    return ((base | top) & 0xfff) == 0
        && Long.compareUnsigned(base, top) < 0
        && Long.compareUnsigned(top, realm.geometry.protectedEnd()) <= 0;
  }
}
