package ocpiserver

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// ChargingProfiles carries out what eMSPs and smart charging providers (SCSP) ask about the charging profiles of our sessions, since
// 2.2. The answer is ours, at once. Only where it is ACCEPTED, the result of the EVSE follows at the response URL (requirement
// DP-04).
//
// For a session that the partner does not see, return ocpi.ErrNotFound: the answer is then UNKNOWN_SESSION.
type ChargingProfiles interface {
	// ActiveChargingProfile asks which profile is active, for the time from now that is given. An ActiveChargingProfileResult
	// follows (requirement DP-01).
	ActiveChargingProfile(ctx context.Context, from *ocpi.Partner, sessionID string, duration time.Duration, responseURL string) (v230.ChargingProfileResponse, error)
	// SetChargingProfile sets a profile, in the place of one that was set before. A ChargingProfileResult follows (requirement
	// DP-02).
	SetChargingProfile(ctx context.Context, from *ocpi.Partner, sessionID string, request v230.SetChargingProfile) (v230.ChargingProfileResponse, error)
	// ClearChargingProfile removes the profile that was set. A ClearProfileResult follows (requirement DP-03).
	ClearChargingProfile(ctx context.Context, from *ocpi.Partner, sessionID, responseURL string) (v230.ChargingProfileResponse, error)
}

// ChargingProfileResults takes what CPOs say about the charging profiles of their sessions, to us who have asked for it or have set
// one.
type ChargingProfileResults interface {
	// ActiveChargingProfileResult, ChargingProfileResult and ClearProfileResult take the result of the request that we named uid
	// (requirement DP-05). Its response URL is that of the module among our senders with /active/, /set/ or /clear/ and the uid
	// behind it, by which of the three is asked. A result that comes late is no error.
	ActiveChargingProfileResult(ctx context.Context, from *ocpi.Partner, uid string, result v230.ActiveChargingProfileResult) error
	ChargingProfileResult(ctx context.Context, from *ocpi.Partner, uid string, result v230.ChargingProfileResult) error
	ClearProfileResult(ctx context.Context, from *ocpi.Partner, uid string, result v230.ClearProfileResult) error
	// UpdateChargingProfile takes the profile that is active from now on in a session for which we have set one (requirement
	// DP-06), or returns ocpi.ErrNotFound for a session of which we know nothing.
	UpdateChargingProfile(ctx context.Context, from *ocpi.Partner, sessionID string, profile v230.ActiveChargingProfile) error
}

// mountProfiles serves what is asked about charging profiles, on the CPO's side. Smart charging providers may ask as well.
func (s *speaker) mountProfiles(profiles ChargingProfiles) {
	s.offer(cpoSide, ocpi.ModuleChargingProfiles)
	s.at(cpoSide, ocpi.ModuleChargingProfiles, "/{session_id}", resource{readers: []ocpi.Role{ocpi.RoleSCSP}, methods: methods{
		http.MethodGet: s.activeProfile(profiles), http.MethodPut: s.setProfile(profiles), http.MethodDelete: s.clearProfile(profiles),
	}})
}

// mountProfileResults serves what a CPO says about charging profiles, on the side that asks. Which result comes stands in the URL:
// an ACCEPTED without a profile could be any of the three.
func (s *speaker) mountProfileResults(results ChargingProfileResults) {
	s.offer(emspSide, ocpi.ModuleChargingProfiles)
	at := func(path, method string, h handler) {
		s.at(emspSide, ocpi.ModuleChargingProfiles, path, resource{methods: methods{method: h}})
	}
	at("/active/{uid}", http.MethodPost, profileResult(s, s.codecs.ActiveChargingProfileResults, results.ActiveChargingProfileResult))
	at("/set/{uid}", http.MethodPost, profileResult(s, s.codecs.ChargingProfileResults, results.ChargingProfileResult))
	at("/clear/{uid}", http.MethodPost, profileResult(s, s.codecs.ClearProfileResults, results.ClearProfileResult))
	at("/{session_id}", http.MethodPut, s.profileUpdate(results))
}

func (s *speaker) activeProfile(profiles ChargingProfiles) handler {
	return func(c *call) (answer, error) {
		duration, responseURL, err := readProfileQuery(c.r.URL.RawQuery, true)
		if err != nil {
			return answer{}, err
		}
		response, err := profiles.ActiveChargingProfile(c.ctx(), c.partner, c.path("session_id"), duration, responseURL)
		return profileAnswer(c, s, response, err)
	}
}

func (s *speaker) setProfile(profiles ChargingProfiles) handler {
	return func(c *call) (answer, error) {
		request, err := read(c, s, s.codecs.SetChargingProfiles, ocpi.Party{})
		if err != nil {
			return answer{}, err
		}
		if err := checkResponseURL(request.ResponseURL); err != nil {
			return answer{}, err
		}
		response, err := profiles.SetChargingProfile(c.ctx(), c.partner, c.path("session_id"), request)
		return profileAnswer(c, s, response, err)
	}
}

func (s *speaker) clearProfile(profiles ChargingProfiles) handler {
	return func(c *call) (answer, error) {
		_, responseURL, err := readProfileQuery(c.r.URL.RawQuery, false)
		if err != nil {
			return answer{}, err
		}
		response, err := profiles.ClearChargingProfile(c.ctx(), c.partner, c.path("session_id"), responseURL)
		return profileAnswer(c, s, response, err)
	}
}

// profileAnswer is the answer to a request about a charging profile. That a session is not known is an answer, and no error.
func profileAnswer(c *call, s *speaker, response v230.ChargingProfileResponse, err error) (answer, error) {
	if errors.Is(err, ocpi.ErrNotFound) {
		response, err = v230.ChargingProfileResponse{Result: v230.ChargingProfileResponseTypeUnknownSession}, nil
	}
	if err != nil {
		return answer{}, err
	}
	return written(c, s, s.codecs.ChargingProfileResponses, response, ocpi.Party{})
}

// longestDuration bounds the time for which a profile can be asked for: nothing charges for as long.
const longestDuration = 366 * 24 * time.Hour

// readProfileQuery reads the parameters of a request about a charging profile: where the result goes, and for how long the profile
// is asked for, in seconds (requirements DP-01, DP-03). Both must be given.
func readProfileQuery(query string, timed bool) (duration time.Duration, responseURL string, err error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return 0, "", ocpi.InvalidParameters("the query cannot be read: %v", err)
	}
	responseURL = values.Get("response_url")
	if err := checkResponseURL(responseURL); err != nil {
		return 0, "", err
	}
	if !timed {
		return 0, responseURL, nil
	}
	if values.Get("duration") == "" {
		return 0, "", ocpi.InvalidParameters("duration is required here, in seconds")
	}
	seconds, err := countParameter(values, "duration", 0, 1)
	return time.Duration(min(seconds, int(longestDuration/time.Second))) * time.Second, responseURL, err
}

// checkResponseURL refuses what is no URL that a result could go to.
func checkResponseURL(text string) error {
	const most = 2048 // more than the 255 characters of the specification, which URLs with signatures exceed
	switch u, err := url.Parse(text); {
	case text == "":
		return ocpi.InvalidParameters("response_url is required here")
	case len(text) > most || err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return ocpi.InvalidParameters("response_url must be an http or https URL, not %s", quote(text))
	default:
		return nil
	}
}

func profileResult[T any](s *speaker, codec wire.Codec[T], take func(context.Context, *ocpi.Partner, string, T) error) handler {
	return func(c *call) (answer, error) {
		result, err := read(c, s, codec, ocpi.Party{})
		if err != nil {
			return answer{}, err
		}
		return answer{}, take(c.ctx(), c.partner, c.path("uid"), result)
	}
}

func (s *speaker) profileUpdate(results ChargingProfileResults) handler {
	return func(c *call) (answer, error) {
		profile, err := read(c, s, s.codecs.ActiveChargingProfiles, ocpi.Party{})
		if err != nil {
			return answer{}, err
		}
		return answer{}, results.UpdateChargingProfile(c.ctx(), c.partner, c.path("session_id"), profile)
	}
}
