package __PACKAGE__;

import dev.cocovisor.tck.BackendTck;
import dev.cocovisor.tck.subject.JudgedBackend;

/** Judges the backend by every rule of the compatibility kit. */
class __CLASS__TckTest extends BackendTck {
  @Override
  public JudgedBackend subject() {
    return JudgedBackend.of(new __CLASS__Backend());
  }
}
