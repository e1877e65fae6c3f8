package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.cca.rmm.measure.HashAlgorithm;
import dev.cocovisor.cca.rmm.page.RecExit;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.PlanePermissions;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.realm.Rec;
import dev.cocovisor.cca.rmm.run.HostCalls;
import dev.cocovisor.cca.rmm.run.Psci;
import dev.cocovisor.cca.rmm.run.RealmAccess;
import dev.cocovisor.cca.rmm.run.RealmServices;

/** RSI as an RMM of 2.0 offers it: versions 1.0 and 1.1, and the permissions of planes. */
// TF-RMM 9a7f8ef4 runtime/rsi.
final class Services2 extends RealmServices {
  private static final long VERSION_1_1 = 0x10001;
  private static final int CONFIG_IPA_WIDTH = 0;
  private static final int CONFIG_HASH = 8;
  private static final int CONFIG_PLANES = 0x10;
  private static final int CONFIG_VTR = 0x18;
  private static final int CONFIG_ATS_PLANE = 0x20;
  private static final int CONFIG_RPV = 0x200;

  /** GICV3_VTR of the recorded machine. */
  private static final int VTR = 0x1400_0000;

  private static final long TREE_MASK = 0xfff;

  Services2(Context context, RealmAccess access, Psci psci, HostCalls hostCalls) {
    super(context, access, psci, hostCalls);
  }

  @Override
  protected boolean version(Rec rec) {
    long asked = rec.regs[1];
    boolean known = asked == VERSION_1_0 || asked == VERSION_1_1;
    rec.answer(known ? SUCCESS : ERROR_INPUT);
    rec.regs[1] = known ? asked : VERSION_1_1;
    rec.regs[2] = VERSION_1_1;
    return false;
  }

  /** SHA-384 is told as SHA-512; recorded. */
  @Override
  protected void writeConfig(Realm realm, long at) {
    PhysicalMemory memory = context.memory();
    memory.writeLong(at + CONFIG_IPA_WIDTH, realm.geometry.ipaBits());
    memory.writeByte(at + CONFIG_HASH, realm.rim.algorithm() == HashAlgorithm.SHA_256 ? 0 : 1);
    memory.writeLong(at + CONFIG_PLANES, realm.planes());
    for (int i = 0; i < Integer.BYTES; i++) {
      memory.writeByte(at + CONFIG_VTR + i, VTR >>> (8 * i) & 0xff);
    }
    memory.writeLong(at + CONFIG_ATS_PLANE, realm.atsPlane);
    memory.write(at + CONFIG_RPV, realm.rpv, 0, realm.rpv.length);
  }

  private static boolean isPermission(Rec rec, long plane, long index) {
    return plane >= 0
        && plane <= rec.realm.planes()
        && index >= 0
        && index < PlanePermissions.INDICES;
  }

  @Override
  protected boolean permissionValue(Rec rec) {
    long plane = rec.regs[1];
    long index = rec.regs[2];
    boolean known = isPermission(rec, plane, index);
    rec.answer(known ? SUCCESS : ERROR_INPUT);
    rec.regs[1] = known ? rec.realm.permissions.value((int) plane, (int) index) : 0;
    return false;
  }

  @Override
  protected boolean setPermissionValue(Rec rec) {
    long plane = rec.regs[1];
    long index = rec.regs[2];
    boolean allowed =
        plane != 0
            && isPermission(rec, plane, index)
            && rec.realm.permissions.set((int) plane, (int) index, rec.regs[3]);
    rec.answer(allowed ? SUCCESS : ERROR_INPUT);
    return false;
  }

  /** Asks the host to give a range another permission index, tree by tree. */
  @Override
  protected boolean setPermissionIndex(Rec rec) {
    long base = rec.regs[1];
    long top = rec.regs[2];
    long index = rec.regs[3];
    long cookie = rec.regs[4];
    long tree = cookie & TREE_MASK;
    if (!isProtectedRange(rec.realm, base, top)
        || !isPermission(rec, 0, index)
        || (cookie != 0 && (cookie & ~TREE_MASK) != base)
        || tree > rec.realm.planes()) {
      rec.answer(ERROR_INPUT);
      return false;
    }
    rec.realm.permissions.lock((int) index);
    rec.permBase = base;
    rec.permTop = top;
    rec.permAddr = base;
    rec.permIndex = (int) index;
    rec.permTree = (int) tree;
    rec.permPending = true;
    rec.exit.reason(RecExit.S2AP_CHANGE);
    rec.exit.set(RecExit.AT_S2AP_BASE, base);
    rec.exit.set(RecExit.AT_S2AP_TOP, top);
    return true;
  }
}
