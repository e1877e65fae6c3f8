package dev.cocovisor.pkvm.hyp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Levels and root pages for each address size that processors have. */
class Stage2GeometryTest {
  @ParameterizedTest
  @CsvSource({
    "32, 2, 2, 4",
    "36, 3, 1, 1",
    "40, 3, 1, 2",
    "42, 3, 1, 8",
    "43, 3, 1, 16",
    "44, 4, 0, 1",
    "48, 4, 0, 1"
  })
  void followsFromTheAddressSize(int bits, int levels, int start, int pages) {
    Stage2Geometry g = new Stage2Geometry(bits);
    assertThat(g.levels()).isEqualTo(levels);
    assertThat(g.startLevel()).isEqualTo(start);
    assertThat(g.rootPages()).isEqualTo(pages);
    assertThat(g.minCachePages()).isEqualTo(levels - 1);
    assertThat(g.pages()).isEqualTo(1L << (bits - 12));
    HypPageTable table = new HypPageTable(start, bits, HypPageTable.TableMemory.UNLIMITED);
    assertThat(table.covers(g.pages() - 1)).isTrue();
    assertThat(table.covers(g.pages())).isFalse();
    assertThat(table.tablePages()).isEqualTo(pages);
  }

  @ParameterizedTest
  @ValueSource(ints = {31, 49, 52})
  void otherSizesAreRefused(int bits) {
    assertThatThrownBy(() -> new Stage2Geometry(bits)).hasMessageContaining("32 to 48");
  }
}
