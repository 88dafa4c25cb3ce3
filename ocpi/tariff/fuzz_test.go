package tariff_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// extremes changes a CDR into one with as much of something as can be written.
var extremes = []*strings.Replacer{
	strings.NewReplacer(),
	strings.NewReplacer("2026-06-15T10", "0001-01-01T10", "2026-06-15T11:3", "9999-12-31T11:3"),
	strings.NewReplacer("2026-06", "9999-12"),
	strings.NewReplacer(`10.5`, `1e30`, `2.50`, `1e-40`),
	strings.NewReplacer(`"step_size":900`, `"step_size":4611686018427387904`, `"step_size":300`, `"step_size":9223372036854775807`),
	strings.NewReplacer(`"max_power":32.00`, `"min_duration":9223372036854775807,"max_duration":-1`),
	strings.NewReplacer(`"volume":0.5`, `"volume":-1e40`, `"price":5.00`, `"price":-1e40,"vat":1e-40`),
	strings.NewReplacer(`"start_time":"09:00"`, `"start_time":"24:00","start_date":"9999-12-31","day_of_week":["SUNDAY"]`),
	strings.NewReplacer(`"max_power":32.00`, `"min_kwh":1e-40,"max_kwh":9.99999999e30`, "10.5", "1e31"),
}

// FuzzCheck: whatever a CDR says, it gets a verdict, and one that is Agrees or Differs has a price that its report can show.
func FuzzCheck(f *testing.F) {
	for _, v := range []ocpi.Version{ocpi.V211, ocpi.V221, ocpi.V230} {
		codecs, _ := wire.For(v)
		for _, r := range extremes {
			cdr, _, err := wireCodecs(ocpi.V211).CDRs.Read([]byte(r.Replace(cdr211)), owner, quirk.Profile{})
			if err != nil {
				continue
			}
			if raw, _, err := codecs.CDRs.Write(cdr, owner); err == nil {
				f.Add(raw, uint8(0))
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, settings uint8) {
		for _, v := range []ocpi.Version{ocpi.V211, ocpi.V221, ocpi.V230} {
			cdr, _, err := wireCodecs(v).CDRs.Read(raw, owner, quirk.Profile{})
			if err != nil {
				continue
			}
			checkAny(t, &cdr, settings)
		}
	})
}

func wireCodecs(v ocpi.Version) wire.Codecs { c, _ := wire.For(v); return c }

// anyPolicy has each bit for one question.
func anyPolicy(settings uint8) tariff.Policy {
	bit := func(n int) int { return int(settings >> n & 1) }
	return tariff.Policy{
		Zone: time.FixedZone("", bit(0)*45*60), Flat: tariff.FlatPolicy(2 * bit(1)), TimeStep: tariff.TimeStepPolicy(bit(2)), StepTotal: tariff.StepTotalPolicy(bit(3)),
		LimitParts: tariff.LimitPartsPolicy(bit(4)), LimitTaxes: tariff.LimitTaxesPolicy(bit(4)), Durations: tariff.DurationsPolicy(bit(5)),
		WithoutRate: tariff.WithoutRatePolicy(bit(6)), Rounding: tariff.Rounding{Round: bit(7) == 1, Places: 2}, Limits: tariff.LimitsPolicy(bit(2)),
		StepTariffs: tariff.StepTariffsPolicy(bit(3)), Throttled: tariff.ThrottledPolicy(bit(1)), ParkingWithoutPrice: tariff.ParkingPolicy(bit(6)),
	}
}

func checkAny(t *testing.T, cdr *v230.CDR, settings uint8) {
	t.Helper()
	began := time.Now()
	a := tariff.Check(cdr, nil, anyPolicy(settings))
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if a.Verdict != tariff.CannotSay && a.Breakdown == nil {
		t.Errorf("%s without a price", a.Verdict)
	}
	if a.Verdict == tariff.CannotSay && len(a.Findings) == 0 {
		t.Error("it does not say why it cannot say")
	}
	for _, finding := range a.Findings {
		if finding.Code == "" || finding.Message == "" {
			t.Errorf("%+v", finding)
		}
	}
	report := a.Report()
	if err := report.Write(io.Discard, time.UTC); err != nil {
		t.Error(err)
	}
	if _, err := json.Marshal(report); err != nil {
		t.Error(err)
	}
}

// FuzzLint: a tariff that can be priced with is one of which Lint does not say that it cannot.
func FuzzLint(f *testing.F) {
	for _, v := range []ocpi.Version{ocpi.V211, ocpi.V221, ocpi.V230} {
		for _, r := range extremes {
			cdr, _, err := wireCodecs(ocpi.V211).CDRs.Read([]byte(r.Replace(cdr211)), owner, quirk.Profile{})
			if err != nil {
				continue
			}
			if raw, _, err := wireCodecs(v).Tariffs.Write(cdr.Tariffs[0], owner); err == nil {
				f.Add(raw)
			}
		}
		if raw, _, err := wireCodecs(v).Tariffs.Write(*sixElements(), owner); err == nil {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, v := range []ocpi.Version{ocpi.V211, ocpi.V221, ocpi.V230} {
			source, _, err := wireCodecs(v).Tariffs.Read(raw, owner, quirk.Profile{})
			if err != nil {
				continue
			}
			_, err = tariff.Compile(&source)
			unusable := false
			for _, finding := range tariff.Lint(&source) {
				unusable = unusable || finding.Code == tariff.TariffUnusable
			}
			if (err != nil) != unusable {
				t.Errorf("%v, and Lint says unusable: %v", err, unusable)
			}
		}
	})
}
