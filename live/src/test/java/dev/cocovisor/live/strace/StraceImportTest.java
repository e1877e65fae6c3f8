package dev.cocovisor.live.strace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What stands in a trace of a real VMM, one obstacle a test. */
class StraceImportTest {
  private ImportSummary summary = new ImportSummary(0, 0, 0, 0, java.util.Map.of());

  private List<String> imported(String... lines) throws IOException {
    var importer = new StraceImport();
    importer.read(LogSource.text("vmm.strace", String.join("\n", lines)));
    var out = new StringBuilder();
    summary = importer.write(out);
    return out.toString()
        .lines()
        .filter(l -> !l.startsWith("#") && !l.startsWith("host_config"))
        .toList();
  }

  @Test
  void pathsBehindDescriptorsAreNested() throws IOException {
    assertThat(
            imported(
                "43 openat(AT_FDCWD</root>, \"/dev/kvm\", O_RDWR|O_CLOEXEC) = 9</dev/kvm<char"
                    + " 10:232>>",
                "43 ioctl(9</dev/kvm<char 10:232>>, KVM_CREATE_VM, 0) = 10<anon_inode:kvm-vm>",
                "43 ioctl(10<anon_inode:kvm-vm>, KVM_CREATE_GUEST_MEMFD, {size=0x1000, flags=0}) ="
                    + " 11<anon_inode:[guest_memfd]>(deleted)",
                "43 fallocate(11</[guest_memfd]>(deleted), FALLOC_FL_KEEP_SIZE, 0, 4096) = 0",
                "43 write(4<UNIX-STREAM:[11->12]>, \"a>b\", 3) = 3"))
        .containsExactly(
            "openat(AT_FDCWD, \"/dev/kvm\", O_RDWR|O_CLOEXEC) = 9",
            "ioctl(9, KVM_CREATE_VM, 0) = 10",
            "ioctl(10, KVM_CREATE_GUEST_MEMFD, {size=0x1000, flags=0}) = 11",
            "fallocate(11, FALLOC_FL_KEEP_SIZE, 0, 4096) = 0");
    assertThat(summary).isEqualTo(new ImportSummary(5, 5, 1, 0, java.util.Map.of()));
  }

  @Test
  void aCallCutInTwoStandsWhereItReturned() throws IOException {
    assertThat(
            imported(
                "7 ioctl(6<anon_inode:kvm-vcpu:0>, KVM_RUN <unfinished ...>",
                "8 ioctl(5<anon_inode:kvm-vm>, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_MMU) = 1",
                "7 <... ioctl resumed>, 0)           = 0 (KVM_EXIT_IO)",
                "8 <... futex resumed>) = 0",
                "8 ioctl(6<anon_inode:kvm-vcpu:0>, KVM_RUN, 0 <unfinished ...>"))
        .containsExactly(
            "ioctl(5, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_MMU) = 1",
            "ioctl(6, KVM_RUN, 0) = 0 (KVM_EXIT_IO)");
    assertThat(summary.lost())
        .containsEntry("calls whose beginning is not in the trace", 1L)
        .containsEntry("calls whose end is not in the trace", 1L);
  }

  @Test
  void theSecondLineOfAVcpuHoldsTheExitOfTheRunBeforeIt() throws IOException {
    assertThat(
            imported(
                "154   ioctl(6<anon_inode:kvm-vcpu:0>, KVM_RUN, 0) = 0",
                " VCPU:0< {immediate_exit=0, exit_reason=0 /* KVM_EXIT_UNKNOWN */, flags=0}",
                " VCPU:0> {immediate_exit=0, exit_reason=2 /* KVM_EXIT_IO */, flags=0}",
                "154   ioctl(6<anon_inode:kvm-vcpu:0>, KVM_RUN, 0) = 0",
                " VCPU:0< {immediate_exit=0, exit_reason=2 /* KVM_EXIT_IO */, flags=0}",
                " VCPU:0> {immediate_exit=0, exit_reason=6 /* KVM_EXIT_MMIO */, flags=0,"
                    + " {mmio={phys_addr=0xfed00000, data=[0], len=4, is_write=1}}}",
                "154   ioctl(6<anon_inode:kvm-vcpu:0>, KVM_RUN, 0) = 0 (KVM_EXIT_MMIO)",
                "154   ioctl(6<anon_inode:kvm-vcpu:0>, KVM_RUN, 0) = -1 EFAULT (Bad address)",
                " VCPU:0< {immediate_exit=0, exit_reason=6 /* KVM_EXIT_MMIO */, flags=0}"))
        .containsExactly(
            "ioctl(6, KVM_RUN, 0) = 0 (KVM_EXIT_IO)",
            "ioctl(6, KVM_RUN, 0) = 0 (KVM_EXIT_MMIO, phys_addr=0xfed00000, len=4, is_write=1)",
            "ioctl(6, KVM_RUN, 0) = 0 (KVM_EXIT_MMIO)",
            "ioctl(6, KVM_RUN, 0) = -1 EFAULT");
    assertThat(summary.lost())
        .containsEntry("KVM_EXIT_MMIO without its address", 1L)
        .containsEntry("KVM_RUN = EFAULT without its exit", 1L);
  }

  @Test
  void whatStraceDoesNotDecodeIsCountedByName() throws IOException {
    assertThat(
            imported(
                "1 ioctl(5<anon_inode:kvm-vm>, KVM_SET_USER_MEMORY_REGION2, 0x1a7e99f0) = 0",
                "1 ioctl(5<anon_inode:kvm-vm>, KVM_SET_MEMORY_ATTRIBUTES, 0x7ffd9456c740) = 0",
                "1 ioctl(5<anon_inode:kvm-vm>, KVM_IRQ_LINE_STATUS, 0x7ffd9456c740) = 0"))
        .hasSize(3);
    assertThat(summary.undecoded()).isEqualTo(2);
    assertThat(summary.lost())
        .containsOnlyKeys(
            "KVM_SET_MEMORY_ATTRIBUTES: an address, not the structure",
            "KVM_SET_USER_MEMORY_REGION2: an address, not the structure");
  }

  @Test
  void requestsMayBeNumbersMacrosOrSeveralNames() throws IOException {
    assertThat(
            imported(
                "openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 3",
                "ioctl(3, 0xae01 /* KVM_CREATE_VM */, 0) = 4",
                "ioctl(4, _IOC(_IOC_NONE, 0xae, 0xa3, 0), 0) = 2595553",
                "ioctl(4, _IOC(_IOC_WRITE, 0xae, 0xa3, 0x68), 0x7ffe2ece6fc0) = 0",
                "ioctl(4, SNDCTL_TMR_START or KVM_SET_TSS_ADDR, 0xfeffd000) = 0",
                "ioctl(4, _IOC(_IOC_READ, 0xae, 0xff, 0x10), 0x7ffe) = 0",
                "ioctl(1, TCGETS, {c_iflag=ICRNL|IXON, ...}) = 0",
                "ioctl(1, SNDCTL_TMR_START or TCSETS, 0x7ffe) = 0"))
        .containsExactly(
            "openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 3",
            "ioctl(3, KVM_CREATE_VM, 0) = 4",
            "ioctl(4, KVM_GET_TSC_KHZ, 0) = 2595553",
            "ioctl(4, KVM_ENABLE_CAP, 0x7ffe2ece6fc0) = 0",
            "ioctl(4, KVM_SET_TSS_ADDR, 0xfeffd000) = 0",
            "ioctl(4, _IOC(_IOC_READ, 0xae, 0xff, 0x10), 0x7ffe) = 0");
  }

  @Test
  void onlyMappingsUnderASlotAreKept() throws IOException {
    assertThat(
            imported(
                "openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 3",
                "ioctl(3, KVM_CREATE_VM, 0) = 4",
                "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) ="
                    + " 0x7f0000",
                "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) ="
                    + " 0x900000",
                "madvise(0x7f0000, 8192, MADV_DODUMP) = 0",
                "madvise(0x900000, 8192, MADV_DONTNEED) = 0",
                "mprotect(0x7ef000, 8192, PROT_READ) = 0",
                "ioctl(4, KVM_SET_USER_MEMORY_REGION, {slot=0, flags=0, guest_phys_addr=0,"
                    + " memory_size=8192, userspace_addr=0x7f0000}) = 0",
                "munmap(0x900000, 8192) = 0",
                "munmap(0x7f0000, 8192) = 0"))
        .containsExactly(
            "openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 3",
            "ioctl(3, KVM_CREATE_VM, 0) = 4",
            "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000",
            "madvise(0x7f0000, 8192, MADV_DODUMP) = 0",
            "ioctl(4, KVM_SET_USER_MEMORY_REGION, {slot=0, flags=0, guest_phys_addr=0,"
                + " memory_size=8192, userspace_addr=0x7f0000}) = 0",
            "munmap(0x7f0000, 8192) = 0");
  }

  @Test
  void memoryMappedBeforeTheLogIsMappedByALineOfItsOwn() throws IOException {
    assertThat(
            imported(
                "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) ="
                    + " 0x7f1000",
                "ioctl(4<anon_inode:kvm-vm>, KVM_SET_USER_MEMORY_REGION, {slot=0, flags=0,"
                    + " guest_phys_addr=0, memory_size=12288, userspace_addr=0x7f0000}) = 0"))
        .containsSubsequence(
            "mmap(0x7f0000, 0x1000, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1,"
                + " 0) = 0x7f0000  # mapped before the log, or by brk",
            "mmap(0x7f2000, 0x1000, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1,"
                + " 0) = 0x7f2000  # mapped before the log, or by brk");
  }

  @Test
  void filesThatAreNotTheModelsAreMemoryOfTheSameKind() throws IOException {
    assertThat(
            imported(
                "openat(AT_FDCWD, \"/usr/share/seabios/bios.bin\", O_RDONLY) = 5",
                "mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_DENYWRITE, 5</bios.bin>, 0) ="
                    + " 0x7f0000",
                "ioctl(4<anon_inode:kvm-vm>, KVM_SET_USER_MEMORY_REGION, {slot=0, flags=0,"
                    + " guest_phys_addr=0, memory_size=4096, userspace_addr=0x7f0000}) = 0"))
        .first()
        .isEqualTo(
            "mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_NORESERVE|MAP_ANONYMOUS, -1, 0) ="
                + " 0x7f0000  # of a file");
  }

  @Test
  void descriptorsAreFollowedThroughDup() throws IOException {
    assertThat(
            imported(
                "openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 3",
                "fcntl(3, F_DUPFD_CLOEXEC, 10) = 10",
                "dup2(1, 3) = 3",
                "ioctl(10, KVM_CREATE_VM, 0) = 4",
                "ioctl(3, KVM_CREATE_VM, 0) = -1 ENOTTY (Inappropriate ioctl for device)"))
        .containsExactly(
            "openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 3",
            "dup(3) = 10",
            "close(3) = 0  # by dup2",
            "ioctl(10, KVM_CREATE_VM, 0) = 4");
  }

  @Test
  void threadsAreOneProcessAndAChildIsAnother() throws IOException {
    var importer = new StraceImport();
    importer.read(
        LogSource.text(
            "vmm.strace",
            """
            1 openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
            1 clone3({flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_THREAD, stack=0x1} => {parent_tid=[2]}, 88) = 2
            2 ioctl(3, KVM_CREATE_VM, 0) = 4
            2 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD) = 3
            3 close(3) = 0
            1 ioctl(3, KVM_GET_API_VERSION, 0) = 12
            3 execve("/bin/vmm", ["vmm"], 0x7ffe /* 3 vars */) = 0
            3 openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
            """));
    var out = new StringBuilder();
    var _ = importer.write(out);
    assertThat(out.toString().lines().filter(l -> !l.startsWith("host_config")))
        .containsExactly(
            "# Imported from strace by cocovisor import. What the trace lacks:",
            "# program 0",
            "openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 3",
            "ioctl(3, KVM_CREATE_VM, 0) = 4",
            "ioctl(3, KVM_GET_API_VERSION, 0) = 12",
            "# program 1",
            "openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 3");
  }

  @Test
  void aTextWithoutACallIsRefused() {
    assertThatThrownBy(() -> imported("", "hello", "world"))
        .isInstanceOf(LogSyntaxException.class)
        .hasMessage(
            "vmm.strace:2:1: 'hello', expected what strace -f -y prints: PID CALL(ARGUMENTS) ="
                + " RESULT");
  }

  @Test
  void aLineThatCannotBeReadIsCounted() throws IOException {
    assertThat(imported("ioctl(4<anon_inode:kvm-vm>, KVM_CREATE_VCPU, {{{) = 5", "close(9) = 0"))
        .isEmpty();
    assertThat(summary.undecoded()).isEqualTo(1);
    assertThat(summary.lost()).containsOnlyKeys("ioctl: a line that cannot be read");
  }
}
