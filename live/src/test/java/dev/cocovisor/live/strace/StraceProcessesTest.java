package dev.cocovisor.live.strace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Who did what: children, threads, programs, and descriptors that go from one to another. */
class StraceProcessesTest {
  private static final String OPEN = "openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 3";

  private static List<String> read(List<LogSource> files) throws IOException {
    var importer = new StraceImport();
    importer.read(files);
    var out = new StringBuilder();
    var _ = importer.write(out);
    return out.toString().lines().filter(l -> !l.startsWith("host_config")).skip(1).toList();
  }

  private static List<String> imported(String text) throws IOException {
    return read(List.of(LogSource.text("vmm.strace", text)));
  }

  /** A part for each text, of the processes 1, 2, … */
  private static List<String> split(String... parts) throws IOException {
    return read(
        IntStream.range(0, parts.length)
            .mapToObj(i -> LogSource.text("vmm.strace." + (i + 1), parts[i]))
            .toList());
  }

  @Test
  void aChildsLinesStandBeforeItsParentsCallReturns() throws IOException {
    assertThat(
            imported(
                """
                1 openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
                1 ioctl(3, KVM_CREATE_VM, 0) = 4
                1 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD <unfinished ...>
                2 close(4) = 0
                1 <... clone resumed>, child_tidptr=0x7f) = 2
                2 close(3) = 0
                1 ioctl(4, KVM_CREATE_VCPU, 0) = 5
                """))
        .containsExactly(
            "# program 0",
            OPEN,
            "ioctl(3, KVM_CREATE_VM, 0) = 4",
            "ioctl(4, KVM_CREATE_VCPU, 0) = 5");
  }

  @Test
  void onATerminalAProcessThatIsAloneHasNoNumber() throws IOException {
    assertThat(
            imported(
                """
                openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
                ioctl(3, KVM_CREATE_VM, 0) = 4
                clone(child_stack=NULL, flags=SIGCHLDstrace: Process 72 attached
                 <unfinished ...>
                [pid    72] close(4 <unfinished ...>
                [pid    69] <... clone resumed>, child_tidptr=0x7f) = 72
                [pid    72] <... close resumed>) = 0
                [pid    69] wait4(72,  <unfinished ...>
                [pid    72] exit_group(3) = ?
                [pid    72] +++ exited with 3 +++
                <... wait4 resumed>NULL, 0, NULL) = 72
                ioctl(4, KVM_CREATE_VCPU, 0) = 5
                """))
        .containsExactly(
            "# program 0",
            OPEN,
            "ioctl(3, KVM_CREATE_VM, 0) = 4",
            "ioctl(4, KVM_CREATE_VCPU, 0) = 5");
  }

  @Test
  void aProcessThatLeavesTheTerminalToItsChild() throws IOException {
    assertThat(
            imported(
                """
                openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
                clone(child_stack=NULL, flags=SIGCHLD) = 72
                [pid    69] exit_group(0) = ?
                [pid    69] +++ exited with 0 +++
                ioctl(3, KVM_CREATE_VM, 0) = 4
                """))
        .containsExactly(
            "# program 0",
            OPEN,
            "# program 1",
            OPEN + "  # of the parent",
            "ioctl(3, KVM_CREATE_VM, 0) = 4");
  }

  @Test
  void whatTheProgramItselfPrintsTearsLinesToo() throws IOException {
    assertThat(
            imported(
                """
                openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
                write(1, "hello\\nworld\\n", 12hello
                world
                )           = 12
                ioctl(3, KVM_CREATE_VM, 0) = 4
                """))
        .containsExactly(
            "#   1 lines that strace does not print",
            "# program 0",
            OPEN,
            "ioctl(3, KVM_CREATE_VM, 0) = 4");
  }

  @Test
  void flagsOfClonesMayBeNumbers() throws IOException {
    assertThat(
            imported(
                """
                1 openat(-100, "/dev/kvm", 0x2) = 3
                1 clone3({flags=0x3d0f00, stack=0x1} => {parent_tid=[2]}, 88) = 2 <0.000031>
                2 ioctl(3, 0xae01, 0) = 4
                1 clone(child_stack=NULL, flags=0x1200011) = 3
                3 close(3) = 0
                1 ioctl(4, 0xae41, 0) = 5
                """))
        .containsExactly(
            "# program 0",
            "openat(-100, \"/dev/kvm\", 0x2) = 3",
            "ioctl(3, KVM_CREATE_VM, 0) = 4",
            "ioctl(4, KVM_CREATE_VCPU, 0) = 5");
  }

  @Test
  void flagsThatNobodyHasAreNoThread() throws IOException {
    assertThat(
            imported(
                """
                1 openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
                1 clone3({flags=0x8000000000000000, stack=0x1}, 88) = 2
                2 close(3) = 0
                1 ioctl(3, KVM_CREATE_VM, 0) = 4
                """))
        .containsExactly("# program 0", OPEN, "ioctl(3, KVM_CREATE_VM, 0) = 4");
  }

  @Test
  void descriptorsCrossFromProcessToProcessInMessages() throws IOException {
    String sent =
        """
        1 openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
        1 memfd_create("ram", MFD_CLOEXEC) = 4
        1 clone(child_stack=NULL, flags=SIGCHLD) = 2
        1 sendmsg(8, {msg_name=NULL, msg_control=[{cmsg_len=24, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[4, 3]}], msg_flags=0}, 0) = 4
        """;
    String used =
        """
        2 ioctl(12, KVM_CREATE_VM, 0) = 13
        2 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_SHARED, 11, 0) = 0x7f0000
        2 ioctl(13, KVM_SET_USER_MEMORY_REGION, {slot=0, flags=0, guest_phys_addr=0, memory_size=8192, userspace_addr=0x7f0000}) = 0
        """;
    List<String> expected =
        List.of(
            "# program 1",
            "openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 12  # of another process",
            "ioctl(12, KVM_CREATE_VM, 0) = 13",
            "memfd_create(\"\", 0) = 11  # of another process",
            "ftruncate(11, 0x2000) = 0  # at least so large",
            "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_SHARED, 11, 0) = 0x7f0000");
    assertThat(
            imported(
                sent
                    + "2 recvmsg(9, {msg_name=NULL, msg_control=[{cmsg_len=24,"
                    + " cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[11, 12]}],"
                    + " msg_flags=0}, 0) = 4\n"
                    + used))
        .containsSubsequence(expected);
    // Under -y the line says it itself, whoever sent it.
    assertThat(
            imported(
                "2 recvmsg(9, {msg_name=NULL, msg_control=[{cmsg_len=24, cmsg_level=0x1 /*"
                    + " SOL_SOCKET */, cmsg_type=0x1 /* SCM_RIGHTS */,"
                    + " cmsg_data=[11</memfd:ram>(deleted), 12</dev/kvm<char 10:232>>]}],"
                    + " msg_flags=0}, 0) = 4\n"
                    + used))
        .containsSubsequence(expected.subList(1, expected.size()));
  }

  @Test
  void descriptorsStayOpenOverExecveUnlessTheySayOtherwise() throws IOException {
    assertThat(
            imported(
                """
                1 openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
                1 openat(AT_FDCWD, "/dev/kvm", O_RDWR|O_CLOEXEC) = 4
                1 fcntl(4, F_DUPFD_CLOEXEC, 10) = 10
                1 dup2(4, 11) = 11
                1 execve("/bin/vmm", ["vmm"], 0x7ffe /* 3 vars */) = 0
                1 ioctl(11, KVM_CREATE_VM, 0) = 5
                1 ioctl(3, KVM_CREATE_VM, 0) = 6
                1 ioctl(10, TCGETS, 0x7ffe) = -1 EBADF (Bad file descriptor)
                1 close_range(3, 5, 0) = 0
                """))
        .containsSubsequence(
            "# program 1",
            "openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 11  # of the program before",
            "ioctl(11, KVM_CREATE_VM, 0) = 5",
            OPEN + "  # of the program before",
            "ioctl(3, KVM_CREATE_VM, 0) = 6",
            "close(3) = 0  # by close_range",
            "close(5) = 0  # by close_range");
  }

  @Test
  void aProcessThatRanBeforeTheTraceHasItsDescriptorsTold() throws IOException {
    assertThat(
            imported(
                """
                strace: Process 69 attached with 2 threads
                [pid    69] ioctl(3, KVM_CREATE_VM, 0) = 4
                [pid    70] ioctl(21, KVM_RUN, 0) = 0
                [pid    70] ioctl(21, KVM_RUN <detached ...>
                """))
        .containsExactly(
            "#   1 calls whose end is not in the trace",
            "# program 0",
            OPEN + "  # open before the log",
            "ioctl(3, KVM_CREATE_VM, 0) = 4",
            "ioctl(21, KVM_RUN, 0) = 0");
  }

  @Test
  void theFilesOfThreadsAreJoinedByTime() throws IOException {
    assertThat(
            split(
                """
                12:00:00.000001 openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3 <0.000009>
                12:00:00.000020 clone3({flags=CLONE_VM|CLONE_FILES}, 88) = 2 <0.000900>
                12:00:00.000950 ioctl(3, KVM_CREATE_VM, 0) = 4 <0.000001>
                """,
                """
                12:00:00.000500 ioctl(3, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_MMU) = 1 <0.000001>
                12:00:00.000900 ioctl(3, KVM_GET_API_VERSION, 0) = 12 <0.001000>
                12:00:00.002000 +++ exited with 0 +++
                """))
        .containsExactly(
            "# program 0",
            OPEN,
            "ioctl(3, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_MMU) = 1",
            "ioctl(3, KVM_CREATE_VM, 0) = 4",
            "ioctl(3, KVM_GET_API_VERSION, 0) = 12");
  }

  @Test
  void filesWithoutTimesAreJoinedWhereAThreadBeganAndThatIsCounted() throws IOException {
    assertThat(
            split(
                """
                openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
                clone3({flags=CLONE_VM|CLONE_FILES}, 88) = 2
                close(3) = 0
                """,
                """
                ioctl(3, KVM_CREATE_VM, 0) = 4
                +++ exited with 0 +++
                """))
        .containsExactly(
            "#   1 calls of threads in no known order (strace -ff without -ttt -T)",
            "# program 0",
            OPEN,
            "ioctl(3, KVM_CREATE_VM, 0) = 4",
            "close(3) = 0");
  }
}
